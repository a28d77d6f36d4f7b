/** Counts events per key in windows of a fixed length. What it holds is bounded by the events of one window. */
export type RateWindow = {
  /** Counts one more event of `key`; false where the window's number is spent. */
  take(key: string): boolean
  /** Whether `key` has spent its number, without counting. */
  isSpent(key: string): boolean
}

/** At most `limit` events per key in each `windowMs` milliseconds. */
export function createRateWindow(limit: number, windowMs: number): RateWindow {
  const counts = new Map<string, number>()
  let windowStart = performance.now()

  function countOf(key: string): number {
    const now = performance.now()
    if (now - windowStart >= windowMs) {
      counts.clear()
      windowStart = now
    }
    return counts.get(key) ?? 0
  }

  return {
    take(key) {
      const count = countOf(key)
      if (count >= limit) return false
      counts.set(key, count + 1)
      return true
    },
    isSpent: (key) => countOf(key) >= limit,
  }
}
