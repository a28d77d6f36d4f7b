import { setTimeout as delay } from 'node:timers/promises'

/** Repeats a check until it holds, for what has no event to wait for; `within` is far beyond what that takes. */
export async function eventually(check: () => void | Promise<void>, within = 60_000): Promise<void> {
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
