import { parseArgs } from 'node:util'
import { flags, type Texts, variableInsteadOf } from './config.ts'
import { nearest } from './edit-distance.ts'
import { StartError } from './errors.ts'

export const commands = {
  serve: 'start the server (the default)',
  migrate: 'bring the database to this version, and end',
  init: 'write a configuration file with every setting in it, to be filled in',
  doctor: 'check data directory, database, migrations, models and port, and say what to do',
  schema: 'print the GraphQL schema',
} as const
export type Command = keyof typeof commands | 'help' | 'version'

/** What a command line asks for. */
export type Arguments = { readonly command: Command; readonly flags: Texts }

type Token = NonNullable<ReturnType<typeof parseArgs>['tokens']>[number]

/**
 * Reads a command line. The last of several equal flags counts.
 *
 * @throws StartError naming the first argument that is not understood, with the nearest one that would be
 */
export function readArguments(argv: readonly string[]): Arguments {
  const options = Object.fromEntries(
    [...flags].map(([flag, { bare }]) => [flag.slice(2), { type: bare ? 'boolean' : 'string' } as const]),
  )
  const { tokens } = parseArgs({
    args: [...argv],
    options,
    strict: false,
    allowPositionals: true,
    tokens: true,
  })
  const given = tokens.map(readToken)
  const names = given.flatMap((one) => one.command ?? [])
  if (names.length > 1) throw new StartError(`${names[1]}: one command is enough, got ${names.join(' and ')}`)
  const ask = given.find((one) => one.ask)?.ask
  return {
    command: ask ?? names[0] ?? 'serve',
    flags: Object.fromEntries(given.flatMap(({ flag }) => (flag ? [flag] : []))),
  }
}

type Given = { command?: Command; ask?: 'help' | 'version'; flag?: [string, string] }

function readToken(token: Token): Given {
  if (token.kind === 'option-terminator') return {}
  if (token.kind === 'positional') return { command: readCommand(token.value) }
  if (token.rawName === '--help' || token.rawName === '-h') return { ask: 'help' }
  if (token.rawName === '--version' || token.rawName === '-v') return { ask: 'version' }
  const flag = flags.get(token.rawName)
  if (!flag) throw unknownFlag(token.rawName)
  if (token.value === undefined && !flag.bare)
    throw new StartError(`${token.rawName}: got nothing, takes a value`)
  return { flag: [token.rawName, token.value ?? 'true'] }
}

function readCommand(name: string): Command {
  if (name === 'help' || name === 'version' || Object.hasOwn(commands, name)) return name as Command
  throw new StartError(`${name}: no such command${suggestion(name, Object.keys(commands))}`)
}

function unknownFlag(flag: string): StartError {
  const variable = variableInsteadOf(flag)
  if (variable) {
    return new StartError(
      `${flag}: flags can be read by everybody on this machine, set ${variable} in the environment instead`,
    )
  }
  return new StartError(`${flag}: no such flag${suggestion(flag, [...flags.keys(), '--help', '--version'])}`)
}

function suggestion(name: string, known: readonly string[]): string {
  const [near] = nearest(name, known)
  return near ? `, did you mean ${near}?` : '; parley --help lists them'
}
