import { parseArgs } from 'node:util'

export type Options = {
  /** Names of scenarios; all of them where there are none. */
  readonly scenarios: readonly string[]
  readonly quick: boolean
  /** Whether a missed goal is a failure. */
  readonly strict: boolean
  /** Whether targets write profiles of their processor time, which costs some. */
  readonly profile: boolean
  readonly rounds: number
  /** Names of targets, or what they begin with; all of them where there are none. */
  readonly targets: readonly string[]
}

export function parseOptions(): Options {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      quick: { type: 'boolean', default: false },
      profile: { type: 'boolean', default: false },
      strict: { type: 'boolean', default: false },
      rounds: { type: 'string' },
      targets: { type: 'string', default: '' },
    },
  })
  const { quick, strict, profile } = values
  const rounds = Number(values.rounds ?? (quick ? 1 : 3))
  if (!(rounds >= 1)) throw new Error(`--rounds: got ${values.rounds}, takes a number from 1 on`)
  const targets = values.targets.split(',').filter(Boolean)
  return { scenarios: positionals, quick, strict, profile, rounds, targets }
}
