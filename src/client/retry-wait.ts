export type RetryWait = {
  /** Resolves after a time that doubles with the number of tries so far, with some randomness. */
  wait(tries: number, longest?: number): Promise<void>
  /** Ends the wait that is under way. */
  now(): void
}

/** Milliseconds. */
const defaults = { first: 250, longest: 5_000 }

/** Waits between tries that can be cut short. */
export function retryWait(): RetryWait {
  let now = (): void => {}
  return {
    wait(tries, longest = defaults.longest) {
      const time = Math.min(longest, defaults.first * 2 ** tries)
      return new Promise((resolve) => {
        const timer = setTimeout(resolve, time * (0.5 + Math.random() / 2))
        now = () => {
          clearTimeout(timer)
          resolve()
        }
      })
    },
    now: () => now(),
  }
}
