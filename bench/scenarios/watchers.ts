import { setTimeout as sleep } from 'node:timers/promises'
import { meter } from '../measure/meter.ts'
import { inRounds, type Served } from './rounds.ts'
import type { Scenario } from './scenario.ts'
import { startTargets } from './targets.ts'

const watchers = 200
const tokensPerSecond = 50

const labels = {
  watched: ['processor time per delivered token', 'µs'],
  watchedDatabase: ["processor time per delivered token of Postgres's own processes", 'µs'],
} as const

/** What it costs to show one answer to many. */
export const watched: Scenario = {
  title: `One answer at ${tokensPerSecond} tokens/s to ${watchers} watchers`,
  async run(bench) {
    await using stack = new AsyncDisposableStack()
    const { targets } = stack.use(await startTargets(bench, ['raw-ws', 'yoga']))
    const served: Served[] = []
    for (const target of targets) {
      served.push({ ...target, readers: stack.use(await bench.load.openRoom(target, watchers)) })
    }
    for (const one of served) await measure(one, 2)
    return await inRounds(bench, served, labels, (one) => measure(one, bench.quick ? 5 : 20))
  },
}

async function measure(served: Served, seconds: number) {
  const question = { tokens: seconds * tokensPerSecond, pace: 1_000 / tokensPerSecond }
  const read = meter(served)
  await served.readers.ask({ question, spread: 0, times: 1 })
  await sleep(300)
  const used = read()
  const { tokens } = await served.readers.take()
  return { watched: used.own / tokens, watchedDatabase: used.database / tokens }
}
