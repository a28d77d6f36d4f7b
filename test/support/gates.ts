import { buildSchema, findBreakingChanges } from 'graphql'

/** Why the committed SDL is not what the code prints; null when it is. */
export function staleness(committed: string, printed: string): string | null {
  if (committed === printed) return null
  const [lines, wanted] = [committed.split('\n'), printed.split('\n')]
  const index = wanted.findIndex((text, at) => text !== lines[at])
  const line = index < 0 ? wanted.length : index
  return `schema/schema.graphql differs from the code from line ${line + 1} on: run \`npm run schema\``
}

/** Every change from the released schema to the current one that breaks a client of the released one. */
export function breakingChanges(released: string, current: string): string[] {
  return findBreakingChanges(buildSchema(released), buildSchema(current)).map(
    ({ description }) => description,
  )
}
