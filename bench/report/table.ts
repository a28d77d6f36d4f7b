import { median } from '../measure/stats.ts'
import type { Figures } from '../scenarios/scenario.ts'
import { databaseOf, demandOf, type Verdict } from './goals.ts'

/** Rows of cells, the first of them the head. */
export type Table = readonly (readonly string[])[]

/** The medians of a scenario: a line for each figure, a column for each target. */
export function figuresTable(title: string, figures: Figures): Table {
  const shown = Object.values(figures).filter(({ values }) => Object.values(values).flat().some(Boolean))
  const names = [...new Set(shown.flatMap(({ values }) => Object.keys(values)))]
  const lines = shown.map(({ what, unit, values }) => [
    unit ? `${what}, ${unit}` : what,
    ...names.map((name) => (values[name] ? showNumber(median(values[name])) : '')),
  ])
  return [[title, ...names], ...lines]
}

/** Goals beside what was measured on each database. */
export function goalsTable(verdicts: readonly Verdict[]): Table {
  const byGoal = Map.groupBy(verdicts, ({ goal }) => goal)
  const lines = [...byGoal].map(([goal, ofGoal]) => {
    const { figure } = ofGoal[0]!
    return [goal.what, demandOf(goal, figure), ...['pglite', 'postgres'].map((name) => cellOf(ofGoal, name))]
  })
  return [['what', 'goal', 'PGlite', 'Postgres'], ...lines]
}

function cellOf(verdicts: readonly Verdict[], database: string): string {
  const verdict = verdicts.find(({ target }) => databaseOf(target) === database)
  return verdict ? `${showNumber(verdict.value)} ${verdict.reached ? '✓' : '✗'}` : ''
}

/** As lines of a fixed width. */
export function asText(table: Table): string {
  const widths = table[0]!.map((_, column) => Math.max(...table.map((line) => line[column]!.length)))
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, at) => (at === 0 ? cell.padEnd(widths[at]!) : cell.padStart(widths[at]!)))
      .join('  ')
      .trimEnd()
  const [head, ...lines] = table
  return [line(head!), line(widths.map((width) => '-'.repeat(width))), ...lines.map(line)].join('\n')
}

export function asMarkdown(table: Table): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  const [head, ...lines] = table
  return [line(head!), line(head!.map((_, at) => (at === 0 ? '---' : '--:'))), ...lines.map(line)].join('\n')
}

/** Three digits, as many as such figures are good for. */
export function showNumber(value: number): string {
  if (value === 0) return '0'
  return Math.abs(value) >= 100 ? Math.round(value).toLocaleString('en') : value.toPrecision(3)
}
