import { parseArgs } from 'node:util'

export type Options = {
  /** Names of scenarios; all of them where there are none. */
  readonly scenarios: readonly string[]
  readonly quick: boolean
  readonly strict: boolean
  readonly rounds: number
  /** Names of targets, or what they begin with; all of them where there are none. */
  readonly targets: readonly string[]
}

export function parseOptions(): Options {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      quick: { type: 'boolean', default: false },
      strict: { type: 'boolean', default: false },
      rounds: { type: 'string' },
      targets: { type: 'string', default: '' },
    },
  })
  const { quick, strict } = values
  const rounds = Number(values.rounds ?? (quick ? 1 : 3))
  if (!(rounds >= 1)) throw new Error(`--rounds: got ${values.rounds}, takes a number from 1 on`)
  return { scenarios: positionals, quick, strict, rounds, targets: values.targets.split(',').filter(Boolean) }
}
