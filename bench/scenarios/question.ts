import { setTimeout as sleep } from 'node:timers/promises'
import { meter } from '../measure/meter.ts'
import { inRounds, openReaders, type Served } from './rounds.ts'
import type { Scenario } from './scenario.ts'
import { startTargets } from './targets.ts'

const streams = 20
const question = { tokens: 1, pace: 1 }
const spread = 1_000
/** Milliseconds for what a server still does when the last reader has its answer. */
const settling = 500

const labels = {
  question: ['processor time of a question and its answer of one token', 'ms'],
  questionDatabase: ["the same of Postgres's own processes", 'ms'],
} as const

/** What a question costs the server, with an answer that costs next to nothing. */
export const oneQuestion: Scenario = {
  title: 'A question',
  async run(bench) {
    await using stack = new AsyncDisposableStack()
    const { targets } = stack.use(await startTargets(bench))
    const served = await openReaders(bench, targets, streams, stack)
    const times = bench.quick ? 25 : 100
    return await inRounds(bench, served, labels, async (one) => {
      await ask(one, 15)
      const used = meter(one)
      await ask(one, times)
      await sleep(settling)
      const { own, database } = used()
      const perQuestion = (microseconds: number) => microseconds / 1_000 / (times * streams)
      return { question: perQuestion(own), questionDatabase: perQuestion(database) }
    })
  },
}

async function ask({ readers }: Served, times: number): Promise<void> {
  await readers.ask({ question, spread, times })
  await readers.take()
}
