import { type BareDatabase, openBareDatabase } from '../measure/commit.ts'
import { percentile } from '../measure/stats.ts'
import { parleyNames } from '../servers/parley.ts'
import { inRounds, openReaders, type Served } from './rounds.ts'
import type { Scenario } from './scenario.ts'
import { startTargets } from './targets.ts'

const streams = 100
/** Ten seconds each, so that ten answers begin in every second. */
const question = { tokens: 500, pace: 20 }
const spread = 10_000
const warmUp = { tokens: 50, pace: 20 }
const commits = 500

const labels = {
  firstToken: ['added time to first token, p50', 'ms'],
  firstTokenTail: ['added time to first token, p99', 'ms'],
} as const

/** A bare commit is measured in turn with the targets: what persistence costs at the least. */
type Subject = Served | { readonly name: string; readonly database: BareDatabase }

/** How much later than the upstream allows a first token is there, while a hundred answers are under way. */
export const firstToken: Scenario = {
  title: `First tokens with ${streams} streams`,
  async run(bench) {
    await using stack = new AsyncDisposableStack()
    const { targets } = stack.use(await startTargets(bench, ['raw-ws', 'yoga']))
    const subjects: Subject[] = await openReaders(bench, targets, streams, stack)
    for (const name of bench.wanted(parleyNames)) {
      const database = stack.use(await openBareDatabase(name))
      subjects.push({ name: name.replace('parley', 'commit'), database })
    }
    return await inRounds(bench, subjects, labels, async (subject) => {
      const times = await timesOf(subject, bench.quick ? 1 : 4)
      return { firstToken: percentile(times, 0.5), firstTokenTail: percentile(times, 0.99) }
    })
  },
}

async function timesOf(subject: Subject, times: number): Promise<readonly number[]> {
  if ('database' in subject) return subject.database.commits(commits)
  const { readers } = subject
  await readers.ask({ question: warmUp, spread: 1_000, times: 1 })
  await readers.take()
  await readers.ask({ question, spread, times })
  const { firstTokens } = await readers.take()
  return firstTokens
}
