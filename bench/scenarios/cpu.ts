import { setTimeout as sleep } from 'node:timers/promises'
import { meter } from '../measure/meter.ts'
import { inRounds, openReaders, type Served } from './rounds.ts'
import type { Bench, Scenario } from './scenario.ts'
import { startTargets } from './targets.ts'

const streams = 100
const tokensPerSecond = 50
const pace = 1_000 / tokensPerSecond
/** Milliseconds over which the starts are spread, and that a steady window keeps away from starts and ends. */
const spread = 1_000
const margin = 1_000
/** Milliseconds for what a server still does when the last reader has its answer. */
const settling = 500

const labels = {
  cpu: ['processor time per token, whole answers', 'µs'],
  steady: ['processor time per token, between starts and ends', 'µs'],
  database: ["processor time per token of Postgres's own processes", 'µs'],
  merged: ['tokens in one frame', ''],
  latency: ['from the upstream to the reader, p50', 'ms'],
  latencyTail: ['from the upstream to the reader, p99', 'ms'],
} as const

/** What a token costs the server while a hundred answers are written at once. */
export const cpu: Scenario = {
  title: `${streams} answers at ${tokensPerSecond} tokens/s`,
  async run(bench) {
    await using stack = new AsyncDisposableStack()
    const { targets } = stack.use(await startTargets(bench))
    const served = await openReaders(bench, targets, streams, stack)
    for (const one of served) await warmUp(one)
    return await inRounds(bench, served, labels, (one) => measure(one, secondsOf(bench)))
  },
}

function secondsOf({ quick }: Bench): number {
  return quick ? 6 : 30
}

async function warmUp({ readers }: Served): Promise<void> {
  await readers.ask({ question: { tokens: 3 * tokensPerSecond, pace }, spread, times: 1 })
  await readers.take()
}

async function measure(served: Served, seconds: number) {
  const { readers } = served
  const question = { tokens: seconds * tokensPerSecond, pace }
  const whole = meter(served)
  const asking = readers.ask({ question, spread, times: 1 })
  await sleep(spread + margin)
  const before = await readers.take()
  const window = meter(served)
  await sleep(seconds * 1_000 - spread - 2 * margin)
  const steady = window()
  const during = await readers.take()
  await asking
  await sleep(settling)
  const used = whole()
  const after = await readers.take()
  const tokens = before.tokens + during.tokens + after.tokens
  return {
    cpu: used.own / tokens,
    steady: steady.own / during.tokens,
    database: used.database / tokens,
    merged: during.tokens / during.frames,
    latency: during.latency.p50 ?? Number.NaN,
    latencyTail: during.latency.p99 ?? Number.NaN,
  }
}
