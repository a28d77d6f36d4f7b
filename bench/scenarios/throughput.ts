import { meter } from '../measure/meter.ts'
import { inRounds, openReaders, type Served } from './rounds.ts'
import type { Scenario } from './scenario.ts'
import { startTargets } from './targets.ts'

const streams = 40

const labels = {
  throughput: ['tokens/s', ''],
  throughputCpu: ['processor time per token', 'µs'],
} as const

/** How many tokens get through when the upstream writes as fast as it is read. */
export const throughput: Scenario = {
  title: `${streams} answers as fast as possible`,
  async run(bench) {
    await using stack = new AsyncDisposableStack()
    const { targets } = stack.use(await startTargets(bench))
    const served = await openReaders(bench, targets, streams, stack)
    for (const one of served) await measure(one, 1_000)
    return await inRounds(bench, served, labels, (one) => measure(one, bench.quick ? 5_000 : 10_000))
  },
}

async function measure(served: Served, tokens: number) {
  const { readers } = served
  const used = meter(served)
  const began = performance.now()
  await readers.ask({ question: { tokens, pace: 0 }, spread: 0, times: 1 })
  const seconds = (performance.now() - began) / 1_000
  const seen = await readers.take()
  return { throughput: seen.tokens / seconds, throughputCpu: used().own / seen.tokens }
}
