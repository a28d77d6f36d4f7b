import { setTimeout as sleep } from 'node:timers/promises'
import { percentile } from '../measure/stats.ts'
import type { Target } from '../servers/target.ts'
import { inRounds } from './rounds.ts'
import type { Bench, Scenario } from './scenario.ts'
import { startTargets } from './targets.ts'

const tokensPerSecond = 50
const pace = 1_000 / tokensPerSecond
/** What still counts as carried, in milliseconds. */
const latencyLimit = 100
const firstTokenLimit = 500
/** Where the first search begins, and by how much its steps grow. */
const firstGuess = 200
const firstStride = 1.5

const labels = { capacity: ['most streams carried', ''] } as const

/** How many answers at once reach their readers in time. */
export const capacity: Scenario = {
  title: `Most answers at ${tokensPerSecond} tokens/s with p99 < ${latencyLimit} ms, first token < ${firstTokenLimit} ms`,
  async run(bench) {
    await using stack = new AsyncDisposableStack()
    const { targets } = stack.use(await startTargets(bench, ['raw-ws', 'yoga']))
    const found = new Map<string, number>()
    return await inRounds(bench, targets, labels, async (target) => {
      const before = found.get(target.name)
      const most = await search((streams) => carries(bench, target, streams), {
        guess: before ?? firstGuess,
        stride: before === undefined ? firstStride : 1.15,
        precision: bench.quick ? 1.25 : 1.1,
      })
      found.set(target.name, most)
      return { capacity: most }
    })
  },
}

/** The largest number that passes, to a factor of `precision`. */
async function search(
  passes: (number: number) => Promise<boolean>,
  { guess, stride, precision }: { guess: number; stride: number; precision: number },
): Promise<number> {
  let [low, high] = [0, Number.POSITIVE_INFINITY]
  for (let number = guess; number > 0 && high > low * precision; ) {
    if (await passes(number)) low = number
    else high = number
    const between = Math.sqrt(low * high)
    number = Math.round(
      high === Number.POSITIVE_INFINITY ? low * stride : low === 0 ? high / stride : between,
    )
  }
  return low
}

/** Whether so many streams are carried: begun one after the other, then watched while all of them are under way. */
async function carries({ load, quick }: Bench, target: Target, streams: number): Promise<boolean> {
  const [starting, watching] = quick ? [4, 3] : [10, 6]
  const tokens = (starting + watching + 1) * tokensPerSecond
  await using readers = await load.open(target, streams)
  const asking = readers.ask({ question: { tokens, pace }, spread: starting * 1_000, times: 1 })
  await sleep((starting + 0.5) * 1_000)
  const { firstTokens } = await readers.take()
  await sleep(watching * 1_000)
  const { latency } = await readers.take()
  await asking
  await readers.take()
  return (
    firstTokens.length === streams &&
    percentile(firstTokens, 0.99) < firstTokenLimit &&
    (latency.p99 ?? Number.POSITIVE_INFINITY) < latencyLimit
  )
}
