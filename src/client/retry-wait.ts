/** Waits between tries. */
export type RetryWait = {
  /** Resolves after a time that doubles with the number of tries so far, with some randomness. */
  wait(tries: number, longest?: number): Promise<void>
  /** Ends the wait that is under way, if there is one. */
  now(): void
  /** Ends the wait that is under way, or else the next one as soon as it begins. */
  skip(): void
}

/** Milliseconds. */
const defaults = { first: 250, longest: 5_000 }

export function retryWait(): RetryWait {
  let end: (() => void) | null = null
  let isSkipped = false
  return {
    async wait(tries, longest = defaults.longest) {
      const time = isSkipped ? 0 : Math.min(longest, defaults.first * 2 ** tries)
      isSkipped = false
      let timer: ReturnType<typeof setTimeout> | undefined
      await new Promise<void>((resolve) => {
        timer = setTimeout(resolve, time * (0.5 + Math.random() / 2))
        end = resolve
      })
      clearTimeout(timer)
      end = null
    },
    now: () => end?.(),
    skip() {
      if (end) end()
      else isSkipped = true
    },
  }
}
