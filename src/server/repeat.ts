import { setTimeout as sleep } from 'node:timers/promises'
import { UnavailableError } from './errors.ts'
import type { Logger } from './log.ts'

/**
 * Does `work` again and again, `interval` milliseconds after it was last done, until the signal aborts. A failure is
 * logged and does not end it. Resolves when the last round is over.
 */
export async function repeat(
  what: string,
  interval: number,
  signal: AbortSignal,
  log: Logger,
  work: () => Promise<void>,
): Promise<void> {
  while (!signal.aborted) {
    try {
      await sleep(interval, undefined, { signal, ref: false })
      await work()
    } catch (error) {
      // Told of once, where it was noticed, and not by every loop each time.
      if (signal.aborted || error instanceof UnavailableError) continue
      log.error({ err: error }, `${what} failed`)
    }
  }
}
