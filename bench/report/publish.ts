import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Figures } from '../scenarios/scenario.ts'
import { drawChart } from './chart.ts'
import { judge } from './goals.ts'
import { type Result, type Results, readResults } from './results.ts'
import { asMarkdown, figuresTable, goalsTable } from './table.ts'

const root = join(import.meta.dirname, '../..')

/** Writes what is kept of full runs into docs/ and README.md. */
export function publish(results: Results): void {
  const figures: Figures = Object.assign({}, ...Object.values(results).map((result) => result.figures))
  const goals = asMarkdown(goalsTable(judge(figures)))
  writeFileSync(join(root, 'docs/performance.svg'), drawChart(figures))
  const chart = (path: string) => `![Parley beside other servers](${path})`
  replaceSection('README.md', [chart('docs/performance.svg'), goals])
  const tables = Object.values(results).map(describe)
  replaceSection('docs/performance.md', [chart('performance.svg'), goals, ...tables])
}

/** The figures of one scenario, and how the machine was used meanwhile. */
function describe({ title, date, machine, rounds, use, figures }: Result): string {
  const [others, worst, saturated] = [use.others.mean, use.others.p90, use.saturated].map(percent)
  return `${asMarkdown(figuresTable(title, figures))}

Medians of ${rounds} rounds on ${machine}, ${date}. Others used ${others} of the machine on average, ${worst} in the worst tenth of the seconds; nothing was left in ${saturated} of them.`
}

export function percent(share: number): string {
  return `${(share * 100).toFixed(0)} %`
}

const [begin, end] = ['<!-- figures: written by `npm run bench` -->', '<!-- end of figures -->']

function replaceSection(path: string, blocks: readonly string[]): void {
  const file = join(root, path)
  const page = readFileSync(file, 'utf8')
  const [before, after] = [page.split(begin)[0]!, page.split(end)[1]]
  if (after === undefined) throw new Error(`${path} has no place for the figures`)
  writeFileSync(file, `${before}${[begin, ...blocks, end].join('\n\n')}${after}`)
}

if (import.meta.main) publish(readResults())
