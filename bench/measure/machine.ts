import { setTimeout as sleep } from 'node:timers/promises'
import { cpuOf, machineTimes } from './cpu.ts'
import { percentile } from './stats.ts'

/** How the machine was used while something was measured, as shares of all its processors. */
export type MachineUse = {
  /** By processes that are not ours, on average and at its worst second but a few. */
  readonly others: { readonly mean: number; readonly p90: number }
  /** Share of the seconds in which nothing was left: times on the clock are not to be trusted when there are many. */
  readonly saturated: number
  /** Of one processor: what the upstream and the clients took. Where it comes near to 1, they are what is measured. */
  readonly helpers: Readonly<Record<string, number>>
}

type Helper = { readonly name: string; readonly pid: number; readonly before: number }
type Second = { readonly busy: number; readonly others: number }

/** Looks at the machine every second until it is stopped. */
export class MachineWatch {
  readonly #helpers: readonly Helper[]
  readonly #began = performance.now()
  readonly #seconds: Second[] = []
  readonly #stop = new AbortController()
  readonly #watching = this.#watch()

  /** @param helpers - process ids, by name */
  constructor(helpers: Readonly<Record<string, number>>) {
    this.#helpers = Object.entries(helpers).map(([name, pid]) => ({ name, pid, before: cpuOf(pid) }))
  }

  async stop(): Promise<MachineUse> {
    this.#stop.abort()
    await this.#watching
    const microseconds = (performance.now() - this.#began) * 1_000
    const helpers = this.#helpers.map(({ name, pid, before }) => [name, (cpuOf(pid) - before) / microseconds])
    const others = this.#seconds.map((second) => second.others)
    const saturated = this.#seconds.filter(({ busy }) => busy > 0.95)
    return {
      others: {
        mean: others.reduce((sum, share) => sum + share, 0) / others.length,
        p90: percentile(others, 0.9),
      },
      saturated: saturated.length / this.#seconds.length,
      helpers: Object.fromEntries(helpers),
    }
  }

  async #watch(): Promise<void> {
    let before = look()
    while (!this.#stop.signal.aborted) {
      await sleep(1_000, undefined, { signal: this.#stop.signal }).catch(() => {})
      const after = look()
      // The kernel counts in hundredths of a second: the rest of one, at the end, says nothing.
      if (after.time - before.time > 500) this.#seconds.push(useBetween(before, after))
      before = after
    }
  }
}

function useBetween(before: Look, after: Look): Second {
  const total = after.total - before.total
  const busy = 1 - (after.idle - before.idle) / total
  return { busy, others: Math.max(0, busy - (after.ours - before.ours) / total) }
}

type Look = ReturnType<typeof look>

/** Everything that is measured is a child of this process. */
function look() {
  return { time: performance.now(), ...machineTimes(), ours: cpuOf(process.pid) }
}
