import { setTimeout as sleep } from 'node:timers/promises'
import { UnavailableError } from '../errors.ts'

/** Milliseconds between two attempts: the first, and the longest, between which they double. */
const firstPause = 50
const longestPause = 2_000

/**
 * Does `work` again while the database is away, until it is back. What was done and could not be confirmed is done
 * once more, which `work` has to bear.
 *
 * @throws what `work` throws of its own, and UnavailableError once `signal` has aborted
 */
export async function untilAvailable<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
  for (let longest = firstPause; ; longest = Math.min(2 * longest, longestPause)) {
    try {
      return await work()
    } catch (error) {
      if (!(error instanceof UnavailableError) || signal?.aborted) throw error
      const wait = longest * (0.5 + Math.random() / 2)
      await sleep(wait, undefined, { ref: false, ...(signal && { signal }) }).catch(() => {})
    }
  }
}
