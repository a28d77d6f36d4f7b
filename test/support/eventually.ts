import { setTimeout as delay } from 'node:timers/promises'

/**
 * Repeats a check until it holds, for what has no event to wait for, and returns what it then returns; `within` is far
 * beyond what that takes.
 */
export async function eventually<Result>(
  check: () => Result | Promise<Result>,
  within = 60_000,
): Promise<Result> {
  const deadline = performance.now() + within
  for (;;) {
    try {
      return await check()
    } catch (error) {
      if (performance.now() > deadline) throw error
      await delay(5)
    }
  }
}
