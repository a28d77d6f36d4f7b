/** The value below which `share` of the values lie. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((one, other) => one - other)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}

export function median(values: readonly number[]): number {
  return percentile(values, 0.5)
}

/** Prints a table: what is measured, one column for each name, and how the last compares with the first. */
export function printTable(
  title: string,
  names: readonly string[],
  rows: readonly { readonly what: string; readonly values: readonly (number | null)[] }[],
): void {
  const lines = rows.map(({ what, values }) => {
    const [first, last] = [values.at(0), values.at(-1)]
    const ratio = values.length > 1 && first && last ? `× ${show(last / first)}` : ''
    return [what, ...values.map((value) => (value === null ? '' : show(value))), ratio]
  })
  const table = [[title, ...names, ''], ...lines]
  const widths = table[0]!.map((_, column) => Math.max(...table.map((line) => line[column]!.length)))
  for (const [index, line] of table.entries()) {
    const cells = line.map((cell, at) => (at === 0 ? cell.padEnd(widths[at]!) : cell.padStart(widths[at]!)))
    console.log(cells.join('  ').trimEnd())
    if (index === 0) console.log('-'.repeat(widths.reduce((sum, width) => sum + width + 2, -2)))
  }
  console.log()
}

/** Three digits, as many as such figures are good for. */
function show(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3)
}
