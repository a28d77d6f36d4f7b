import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { MachineUse } from '../measure/machine.ts'
import type { Figures } from '../scenarios/scenario.ts'

const file = join(import.meta.dirname, '../results.json')

/** What one full run of a scenario gave. */
export type Result = {
  readonly title: string
  readonly date: string
  readonly machine: string
  readonly rounds: number
  readonly use: MachineUse
  readonly figures: Figures
}

/** By scenario: what stands in docs/. */
export type Results = Readonly<Record<string, Result>>

export function readResults(): Results {
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Results) : {}
}

/** Keeps `results` in place of older ones of the same scenarios; answers with all that is kept. */
export function keepResults(results: Results): Results {
  const kept = { ...readResults(), ...results }
  const round = (_key: string, value: unknown) =>
    typeof value === 'number' ? Number(value.toPrecision(4)) : value
  writeFileSync(file, `${JSON.stringify(kept, round, 2)}\n`)
  return kept
}
