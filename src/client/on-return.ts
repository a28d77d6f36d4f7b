/** Milliseconds. A gap between two ticks that is longer than `gap` means that the machine or the page has slept. */
const timers = { tick: 1_000, gap: 5_000 }

/**
 * Calls `listener` when the browser comes back online, or the page into view or from sleep. `slept`: whatever was
 * connected before has most likely been lost meanwhile.
 */
export function onReturn(listener: (slept: boolean) => void): void {
  let lastTick = Date.now()
  const hasSlept = (): boolean => {
    const before = lastTick
    lastTick = Date.now()
    return lastTick - before > timers.gap
  }
  const isShown = (): boolean => document.visibilityState === 'visible'
  setInterval(() => hasSlept() && isShown() && listener(true), timers.tick)
  window.addEventListener('online', () => listener(true))
  window.addEventListener('pageshow', ({ persisted }) => persisted && listener(true))
  document.addEventListener('resume', () => listener(true))
  document.addEventListener('visibilitychange', () => isShown() && listener(hasSlept()))
}
