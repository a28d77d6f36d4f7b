import { type Question, type Target, upstreamTimes } from './answer.ts'
import { percentile, printTable } from './report.ts'

const question: Question = { tokens: 3, pace: 5 }
const rounds = 300
const warmUp = 50

/** How much later than without anything in between the first token is there: before the upstream, and behind it. */
export async function measureFirstToken(targets: readonly Target[]): Promise<void> {
  const times = targets.map(() => ({ before: [] as number[], behind: [] as number[], added: [] as number[] }))
  for (let round = -warmUp; round < rounds; round += 1) {
    // In turn, so that whatever else the machine does meets all of them.
    for (const [index, target] of targets.entries()) {
      const answer = await target.ask(question)
      const { arrived, written } = upstreamTimes(answer, question)
      if (round < 0) continue
      const [before, behind] = [arrived - answer.asked, answer.shown - written]
      times[index]!.before.push(before)
      times[index]!.behind.push(behind)
      times[index]!.added.push(before + behind)
    }
  }
  const rows = (['added', 'before', 'behind'] as const).flatMap((what) =>
    [0.5, 0.99].map((share) => ({
      what: `${what === 'added' ? 'added in all' : `  ${what} the upstream`}, p${share * 100}`,
      values: times.map((time) => percentile(time[what], share)),
    })),
  )
  printTable(
    `Time to first token, ms (${rounds} answers)`,
    targets.map(({ name }) => name),
    rows,
  )
}
