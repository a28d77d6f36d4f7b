/** Calls `listener` when the browser comes back online, or the page into view. */
export function onReturn(listener: () => void): void {
  window.addEventListener('online', listener)
  window.addEventListener('pageshow', listener)
  document.addEventListener('visibilitychange', () => {
    if (document.visibilityState === 'visible') listener()
  })
}
