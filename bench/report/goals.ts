import goals from '../goals.json' with { type: 'json' }
import { median } from '../measure/stats.ts'
import type { Figure, Figures } from '../scenarios/scenario.ts'
import { type ParleyName, parleyNames } from '../servers/parley.ts'

/** A claim about one figure of Parley. */
type Goal = {
  readonly what: string
  readonly figure: string
  /** Of which the sum is what Parley is divided by; one of these without a database's name has one for each. */
  readonly against?: readonly string[]
  /** On which database alone. */
  readonly on?: string
  readonly atMost?: number
  readonly atLeast?: number
}

/** A goal that could be judged, on one database. */
export type Verdict = {
  readonly goal: Goal
  readonly figure: Figure
  readonly target: ParleyName
  readonly value: number
  readonly reached: boolean
}

/** Judges every goal whose figures were measured. */
export function judge(figures: Figures): Verdict[] {
  return (goals as readonly Goal[]).flatMap((goal) => {
    const figure = figures[goal.figure]
    return figure ? parleyNames.flatMap((target) => judgeOn(goal, figure, target) ?? []) : []
  })
}

function judgeOn(goal: Goal, figure: Figure, target: ParleyName): Verdict | null {
  const database = databaseOf(target)
  const { against = [], on = database, atMost = Infinity, atLeast = -Infinity } = goal
  const own = figure.values[target]
  const references = against.flatMap((name) => [
    figure.values[name] ?? figure.values[`${name}-${database}`] ?? [],
  ])
  if (!own || on !== database || references.some((values) => values.length !== own.length)) return null
  // Round by round, because what others did to one round they did to all that was measured in it.
  const ratios = own.map(
    (value, round) => value / references.reduce((sum, values) => sum + values[round]!, 0),
  )
  const value = median(against.length > 0 ? ratios : own)
  return { goal, figure, target, value, reached: value <= atMost && value >= atLeast }
}

export function databaseOf(target: ParleyName): string {
  return target.slice('parley-'.length)
}

/** What a goal demands, as `≤ 1.2 × yoga`. */
export function demandOf({ atMost, atLeast, against }: Goal, { unit }: Figure): string {
  const bound = atMost === undefined ? `≥ ${atLeast}` : `≤ ${atMost}`
  return `${bound} ${against ? `× ${against.join(' + ')}` : unit}`.trim()
}
