import type { Readers } from '../servers/load.ts'
import type { Target } from '../servers/target.ts'
import type { Bench, Figures } from './scenario.ts'

/** One value for each figure that a scenario measures of a subject. */
export type Values<Name extends string> = Readonly<Partial<Record<Name, number>>>

/** What figures are called, and their units. */
export type Labels<Name extends string> = Readonly<Record<Name, readonly [what: string, unit: string]>>

/**
 * Measures every target once in each round, one after the other, so that whatever else the machine does meets all of
 * them.
 */
export async function inRounds<Name extends string, Subject extends { readonly name: string }>(
  { rounds }: Pick<Bench, 'rounds'>,
  subjects: readonly Subject[],
  labels: Labels<Name>,
  measure: (subject: Subject) => Promise<Values<Name>>,
): Promise<Figures> {
  const values: Record<string, Record<string, number[]>> = {}
  for (let round = 0; round < rounds; round += 1) {
    for (const subject of subjects) {
      const measured = Object.entries(await measure(subject)) as [Name, number][]
      for (const [figure, value] of measured) {
        ;((values[figure] ??= {})[subject.name] ??= []).push(value)
      }
    }
  }
  const labelled = Object.entries<readonly [string, string]>(labels)
  return Object.fromEntries(
    labelled.map(([figure, [what, unit]]) => [figure, { what, unit, values: values[figure] ?? {} }]),
  )
}

/** A target with clients. */
export type Served = Target & { readonly readers: Readers }

/** Opens `count` clients of each target; they go with `stack`. */
export async function openReaders(
  { load }: Bench,
  targets: readonly Target[],
  count: number,
  stack: AsyncDisposableStack,
): Promise<Served[]> {
  const served: Served[] = []
  for (const target of targets) {
    served.push({ ...target, readers: stack.use(await load.open(target, count)) })
  }
  return served
}
