/** Notices a connection that takes nothing of what was written to it. */
export type StallTimer = {
  /** Something was handed to the connection. The returned function is called when it has been taken. */
  wrote(): () => void
  stop(): void
}

/** Calls `onStall` once when something waits and nothing was taken for `timeout` milliseconds. */
export function createStallTimer(timeout: number, onStall: () => void): StallTimer {
  let waiting = 0
  let timer: NodeJS.Timeout | undefined

  function stop(): void {
    clearTimeout(timer)
    timer = undefined
  }

  return {
    wrote() {
      waiting += 1
      if (waiting === 1) timer = setTimeout(onStall, timeout)
      return () => {
        waiting -= 1
        if (waiting === 0) stop()
        else timer?.refresh()
      }
    },
    stop,
  }
}
