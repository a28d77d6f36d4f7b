import { writeFileSync } from 'node:fs'
import { constants } from 'node:os'
import type { App } from './app.ts'
import { type Arguments, commands, readArguments } from './arguments.ts'
import {
  type Config,
  emptyConfigFile,
  loadConfig,
  requireTokenBeyondLoopback,
  settingsHelp,
} from './config.ts'
import { type Database, openDatabase } from './db/connect.ts'
import { migrate } from './db/migrate.ts'
import { reasonOf, StartError } from './errors.ts'
import { createLog, type Logger } from './log.ts'
import { showDuration } from './setting.ts'
import { version } from './version.ts'

/**
 * Does what a command line asks for and answers with the exit code: 0, or 1 after one line on standard error that says
 * what was wrong. `serve` answers when it was stopped.
 */
export async function run(argv: readonly string[]): Promise<number> {
  try {
    return await runCommand(readArguments(argv))
  } catch (error) {
    console.error(`parley: ${explain(error)}`)
    return 1
  }
}

async function runCommand({ command, flags }: Arguments): Promise<number> {
  switch (command) {
    case 'help':
      return print(help())
    case 'version':
      return print(version)
    case 'schema':
      return printSchema()
    case 'migrate':
      return migrateOnce(loadConfig(flags))
    case 'init':
      return init()
    case 'doctor':
      return doctor(flags)
    case 'serve':
      return serve(loadConfig(flags))
  }
}

async function printSchema(): Promise<number> {
  const [{ printSchema }, { schema }] = await Promise.all([import('graphql'), import('./graphql/schema.ts')])
  return print(printSchema(schema))
}

/** It may hold keys: nobody else is to read it. */
function init(): number {
  const path = 'parley.config.json'
  try {
    writeFileSync(path, emptyConfigFile(), { flag: 'wx', mode: 0o600 })
  } catch (error) {
    const isThere = (error as NodeJS.ErrnoException).code === 'EEXIST'
    throw new StartError(
      `${path}: ${isThere ? 'is there already, and is left as it is' : `cannot be written (${reasonOf(error)})`}`,
    )
  }
  return print(`${path} is written: set in it what you need, then start parley in this directory`)
}

function print(text: string): number {
  console.log(text)
  return 0
}

function help(): string {
  const list = Object.entries(commands).map(([name, what]) => `  ${name.padEnd(10)}${what}`)
  return [
    `Parley ${version}: a self-hosted AI chat server`,
    '',
    'parley [command] [flags]',
    '',
    ...list,
    '  --help, -h     print this',
    '  --version, -v  print the version',
    '',
    'Settings, as flags, environment variables or in parley.config.json, which win in this order; an empty value counts as unset [default]:',
    '',
    settingsHelp(),
  ].join('\n')
}

async function migrateOnce(config: Config): Promise<number> {
  const database = await open(config, createLog('warn'))
  try {
    const applied = await migrate(database.db)
    return print(applied.length === 0 ? 'Nothing to migrate' : `Migrated: ${applied.join(', ')}`)
  } finally {
    await database.close()
  }
}

function open(config: Config, log: Logger): Promise<Database> {
  const { vacuum, statement } = config.timers
  return openDatabase({ ...config, log, vacuumInterval: vacuum, statementTimeout: statement })
}

async function doctor(flags: Arguments['flags']): Promise<number> {
  const { examine } = await import('./doctor.ts')
  const findings = await examine(loadConfig(flags))
  for (const { subject, ok, says } of findings) print(`${ok ? 'ok     ' : 'PROBLEM'}  ${subject}: ${says}`)
  return findings.every(({ ok }) => ok) ? 0 : 1
}

async function serve(config: Config): Promise<number> {
  const log = createLog(config.logLevel)
  const ending = createEnding(config, log)
  requireTokenBeyondLoopback(config)
  // The embedded database takes as long to start as the rest of the program to load: they do it side by side.
  const opening = open(config, log)
  opening.catch(() => {})
  const { createApp } = await import('./app.ts')
  const app = await createApp(config, { log, openDatabase: () => opening })
  void app.failed.then((error) => ending.fail(error, 'the database has broken down'))
  print(greeting(config, app))
  const code = await ending.code
  if (code === 0) await ending.whilePatient((signal) => letAnswersEnd(app, config.grace, signal))
  cutShort(config.timers.stop, log)
  await app.close()
  return code
}

/** What they have not said when the grace is over, or `hurry` aborts, is missing. */
async function letAnswersEnd(app: App, grace: number, hurry: AbortSignal): Promise<void> {
  const runs = app.runs()
  if (runs > 0 && grace > 0) {
    const answers = runs === 1 ? '1 answer' : `${runs} answers`
    print(`Waiting for ${answers} to end, up to ${showDuration(grace)}; a second signal stops at once`)
  }
  await app.drain(AbortSignal.any([hurry, AbortSignal.timeout(grace)]))
}

function greeting(config: Config, app: App): string {
  const data =
    config.databaseUrl === null
      ? `the embedded Postgres in ${config.dataDir}`
      : 'the Postgres of DATABASE_URL'
  const url = app.url.replace(/\/$/, '')
  return [`Parley ${version} is at ${url}`, `  Data: ${data}`, `  Models: ${modelsOf(config)}`].join('\n')
}

function modelsOf({ providers, endpoints }: Config): string {
  const keyed = Object.entries(providers).filter(([, { apiKey }]) => apiKey !== null)
  const used = [...keyed.map(([name]) => name), ...endpoints.map(({ name }) => name)]
  if (used.length > 0) return `those of ${used.join(', ')}`
  return 'only the demo model; set ANTHROPIC_API_KEY for Claude, or the key of another provider'
}

/** What makes the process end, and with which exit code. */
type Ending = {
  /** Resolves when it is time to stop. */
  readonly code: Promise<number>
  fail(error: unknown, what: string): void
  /** Does what may take its time, until a further signal or a failure aborts it. */
  whilePatient(work: (signal: AbortSignal) => Promise<void>): Promise<void>
}

/**
 * Ends the process at the first signal to stop, or at a failure that nothing caught: its consequences are unknown, and
 * what is committed is safe. A further signal ends what the stop waits for patiently, else the process at once.
 */
function createEnding({ grace, timers }: Config, log: Logger): Ending {
  const { promise, resolve } = Promise.withResolvers<number>()
  let patience: AbortController | null = null
  const fail = (error: unknown, what: string) => {
    log.fatal({ err: error }, what)
    patience?.abort()
    cutShort(timers.stop, log)
    resolve(1)
  }
  const stop = (signal: NodeJS.Signals) => {
    log.info({ signal }, 'stopping')
    cutShort(grace + timers.stop, log)
    resolve(0)
  }
  // As a shell reports a program that a signal has ended.
  const exit = (signal: NodeJS.Signals) => process.exit(128 + constants.signals[signal])
  onSignals(stop, (signal) => (patience ? patience.abort() : exit(signal)))
  process.on('uncaughtException', (error) => fail(error, 'a failure that nothing caught'))
  process.on('unhandledRejection', (error) => fail(error, 'a failure that nothing caught'))
  const whilePatient: Ending['whilePatient'] = async (work) => {
    patience = new AbortController()
    await work(patience.signal)
    patience = null
  }
  return { code: promise, fail, whilePatient }
}

function onSignals(first: (signal: NodeJS.Signals) => void, further: (signal: NodeJS.Signals) => void): void {
  let stopping = false
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (stopping) return further(signal)
      stopping = true
      first(signal)
    })
  }
}

/** Ends the process if it is still there after so many milliseconds. */
function cutShort(timeout: number, log: Logger): void {
  setTimeout(() => {
    log.error({ timeout }, 'the stop took too long and was cut short')
    process.exit(1)
  }, timeout).unref()
}

/** One line for what an operator can mend, the whole story for what only we can. */
function explain(error: unknown): string {
  if (error instanceof StartError) return error.message
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}
