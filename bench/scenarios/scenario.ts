import type { Load } from '../servers/load.ts'

/** What the options ask for. */
export type Effort = {
  /** Shorter and with fewer streams, for use while something is developed; such figures are never published. */
  readonly quick: boolean
  readonly rounds: number
}

/** What a scenario runs on. */
export type Bench = Effort & {
  readonly load: Load
  readonly upstreamUrl: string
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
