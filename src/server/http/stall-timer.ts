/** Notices a connection that takes nothing of what was written to it. */
export type StallTimer = {
  /** Something was handed to the connection; call `took` when it has been taken. */
  wrote(): void
  took(): void
  stop(): void
}

/**
 * Calls `onStall` once when something waits and nothing was taken for `timeout` milliseconds, or up to twice that.
 * The timer is looked at when it fires: setting one for every write would cost more than most writes.
 */
export function createStallTimer(timeout: number, onStall: () => void): StallTimer {
  let waiting = 0
  let hasTaken = false
  let timer: NodeJS.Timeout | undefined

  function arm(): void {
    hasTaken = false
    timer = setTimeout(look, timeout)
  }

  function look(): void {
    timer = undefined
    if (waiting > 0 && !hasTaken) onStall()
    else if (waiting > 0) arm()
  }

  return {
    wrote() {
      waiting += 1
      if (timer === undefined) arm()
    },
    took() {
      waiting -= 1
      hasTaken = true
    },
    stop: () => clearTimeout(timer),
  }
}
