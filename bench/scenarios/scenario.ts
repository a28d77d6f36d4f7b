import type { Load } from '../servers/load.ts'
import type { Surroundings } from '../servers/target.ts'

/** What a scenario runs on. */
export type Bench = Surroundings & {
  /** Shorter and with fewer streams, for use while something is developed; such figures are never published. */
  readonly quick: boolean
  readonly rounds: number
  readonly load: Load
  /** Process ids of what is beside the targets, by name. */
  readonly helpers: Readonly<Record<string, number>>
  readonly executable: string
  /** Names of the wanted targets among `names`. */
  wanted<Name extends string>(names: readonly Name[]): Name[]
}

/** One kind of figure that a scenario measures; each round of each target gives one value. */
export type Figure = {
  readonly what: string
  readonly unit: string
  /** By target, a value per round. */
  readonly values: Readonly<Record<string, readonly number[]>>
}

/** Figures by the name under which bench/goals.json knows them. */
export type Figures = Readonly<Record<string, Figure>>

export type Scenario = {
  readonly title: string
  run(bench: Bench): Promise<Figures>
}
