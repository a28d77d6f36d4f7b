import { median } from '../measure/stats.ts'
import type { Figures } from '../scenarios/scenario.ts'

/** Prints the medians of a scenario: a line for each figure, a column for each target. */
export function printFigures(title: string, figures: Figures): void {
  const shown = Object.values(figures).filter(({ values }) => Object.values(values).flat().some(Boolean))
  const names = [...new Set(shown.flatMap(({ values }) => Object.keys(values)))]
  const lines = shown.map(({ what, unit, values }) => [
    `${what}, ${unit}`,
    ...names.map((name) => (values[name] ? showNumber(median(values[name])) : '')),
  ])
  printTable([[title, ...names], ...lines])
}

function printTable([head, ...lines]: readonly (readonly string[])[]): void {
  const table = [head!, ...lines]
  const widths = head!.map((_, column) => Math.max(...table.map((line) => line[column]!.length)))
  const print = (line: readonly string[]) => {
    const cells = line.map((cell, at) => (at === 0 ? cell.padEnd(widths[at]!) : cell.padStart(widths[at]!)))
    console.log(cells.join('  ').trimEnd())
  }
  print(head!)
  print(widths.map((width) => '-'.repeat(width)))
  for (const line of lines) print(line)
  console.log()
}

/** Three digits, as many as such figures are good for. */
export function showNumber(value: number): string {
  if (value === 0) return '0'
  return Math.abs(value) >= 100 ? Math.round(value).toLocaleString('en') : value.toPrecision(3)
}
