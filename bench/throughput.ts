import { setTimeout as sleep } from 'node:timers/promises'
import { type Question, type Target, upstreamTimes } from './answer.ts'
import { cpuTime } from './process.ts'
import { printTable } from './report.ts'

const streams = 20
const tokensPerSecond = 50
const seconds = 10
const question: Question = { tokens: tokensPerSecond * seconds, pace: 1000 / tokensPerSecond }

/** What many answers at once cost, each watched by one reader. */
export async function measureThroughput(targets: readonly Target[]): Promise<void> {
  const rows: { cpu: number[]; rate: number[] } = { cpu: [], rate: [] }
  for (const target of targets) {
    const cpu = cpuTime(target.pid)
    const answers = await Promise.all(Array.from({ length: streams }, () => target.ask(question)))
    for (const answer of answers) upstreamTimes(answer, question)
    const tokens = streams * question.tokens
    rows.cpu.push(((cpuTime(target.pid) - cpu) * 1000) / tokens)
    const times = answers.map(({ asked, ended }) => (ended - asked) / 1000)
    rows.rate.push(times.reduce((sum, time) => sum + question.tokens / time, 0))
    await sleep(500)
  }
  printTable(
    `${streams} streams of ${tokensPerSecond} tokens/s for ${seconds} s`,
    targets.map(({ name }) => name),
    [
      { what: 'processor time per token, µs', values: rows.cpu },
      { what: 'tokens/s', values: rows.rate },
    ],
  )
}
