import { accessSync, constants, existsSync, readdirSync, statSync } from 'node:fs'
import { createServer } from 'node:net'
import { dirname } from 'node:path'
import { overRedis } from './app.ts'
import { type Config, requireTokenBeyondLoopback } from './config.ts'
import { openDatabase } from './db/connect.ts'
import { type MigrationState, migrationState } from './db/migrate.ts'
import { reasonOf, StartError } from './errors.ts'
import { startListening } from './http/server.ts'
import { type ChatProvider, ProviderError } from './llm/provider.ts'
import { createLog } from './log.ts'
import { configuredProviders } from './providers.ts'

/** What was looked at, and how it is or what to do about it. */
export type Finding = { readonly subject: string; readonly ok: boolean; readonly says: string }

/** Looks at everything that a start needs, changes nothing, and tells of each thing in one line. */
export async function examine(config: Config): Promise<Finding[]> {
  const directory = config.databaseUrl === null ? [dataDirectory(config.dataDir)] : []
  const database = directory.every(({ ok }) => ok) ? await databaseFindings(config) : []
  return [
    ...directory,
    ...database,
    ...(await redis(config)),
    access(config),
    ...(await models(config)),
    await port(config),
  ]
}

function dataDirectory(directory: string): Finding {
  const finding = findingAbout('data directory')
  const existing = nearestExisting(directory)
  if (!statSync(existing).isDirectory()) {
    return finding(false, `${existing} is not a directory: move it away, or set PARLEY_DATA_DIR`)
  }
  try {
    accessSync(existing, constants.W_OK | constants.X_OK)
  } catch {
    return finding(
      false,
      `${existing} cannot be written by this user: change its owner, or set PARLEY_DATA_DIR`,
    )
  }
  return finding(true, existing === directory ? directory : `${directory} will be made at the first start`)
}

function nearestExisting(path: string): string {
  return existsSync(path) ? path : nearestExisting(dirname(path))
}

async function databaseFindings(config: Config): Promise<Finding[]> {
  const finding = findingAbout('database')
  if (config.databaseUrl === null && isEmpty(config.dataDir)) {
    return [finding(true, 'the embedded Postgres will be made at the first start')]
  }
  try {
    const log = createLog('silent')
    await using database = disposable(
      await openDatabase({
        ...config,
        log,
        vacuumInterval: config.timers.vacuum,
        statementTimeout: config.timers.statement,
      }),
    )
    const kind = database.kind === 'embedded' ? 'the embedded Postgres' : 'Postgres'
    return [
      finding(true, `${kind} ${database.version}`),
      describeMigrations(await migrationState(database.db)),
    ]
  } catch (error) {
    return [finding(false, messageOf(error))]
  }
}

function isEmpty(directory: string): boolean {
  return !existsSync(directory) || readdirSync(directory).length === 0
}

function disposable<Closable extends { close(): Promise<void> }>(
  value: Closable,
): Closable & AsyncDisposable {
  return { ...value, [Symbol.asyncDispose]: () => value.close() }
}

function describeMigrations(state: MigrationState): Finding {
  const finding = findingAbout('migrations')
  if (state.incompatible.length > 0) {
    return finding(
      false,
      `${state.incompatible.join(', ')} came from a newer Parley and took something away: start that one, or a newer one still`,
    )
  }
  if (state.unknown.length > 0) {
    return finding(
      true,
      `${state.unknown.join(', ')} came from a newer Parley, which this one gets along with`,
    )
  }
  if (state.missing.length === 0) return finding(true, `all ${state.applied.length} applied`)
  return finding(
    true,
    `${state.missing.join(', ')} will be applied at the next start, or now by parley migrate`,
  )
}

async function redis({ redisUrl, databaseUrl }: Config): Promise<Finding[]> {
  if (redisUrl === null) return []
  const finding = findingAbout('redis')
  if (databaseUrl === null) {
    return [
      finding(true, 'not used: the embedded database has one process only; set DATABASE_URL for several'),
    ]
  }
  try {
    const connect = await overRedis(redisUrl, 'doctor')
    const line = await connect(() => {})
    line.close()
    return [finding(true, 'it answers')]
  } catch (error) {
    const problem = error instanceof StartError ? error.message : `does not answer: ${reasonOf(error)}`
    return [finding(false, problem)]
  }
}

function access(config: Config): Finding {
  const finding = findingAbout('access')
  try {
    requireTokenBeyondLoopback(config)
  } catch (error) {
    return finding(false, messageOf(error))
  }
  const { accessToken } = config
  if (accessToken === null)
    return finding(true, 'only this machine reaches the server, and nobody is asked for a token')
  if (accessToken.length >= 16) return finding(true, 'everybody is asked for the token')
  return finding(
    false,
    'PARLEY_ACCESS_TOKEN has fewer than 16 characters and can be guessed: openssl rand -hex 24 makes a good one',
  )
}

async function models(config: Config): Promise<Finding[]> {
  const providers = await configuredProviders(config)
  const findings = await Promise.all(providers.map((provider) => listing(provider, config)))
  if (providers.some(({ name }) => name !== 'ollama')) return findings
  return [
    findingAbout('models')(true, 'no key, so only the demo model answers: set ANTHROPIC_API_KEY for Claude'),
    ...findings,
  ]
}

/** One cheap call, which needs the key where there is one. */
async function listing(provider: ChatProvider, { timers, ollamaUrl }: Config): Promise<Finding> {
  const finding = findingAbout('models')
  const name = provider.displayName
  try {
    const listed = await provider.listModels(AbortSignal.timeout(timers.operation))
    if (provider.name === 'ollama' && listed.length === 0) {
      return finding(true, `${name}: nothing at ${ollamaUrl}, so it is not used`)
    }
    return finding(true, `${name} lists ${listed.length === 1 ? '1 model' : `${listed.length} models`}`)
  } catch (error) {
    return finding(false, `${name}: ${messageOf(error)}`)
  }
}

async function port(config: Config): Promise<Finding> {
  const finding = findingAbout('port')
  const server = createServer()
  try {
    await startListening(server, config)
    return finding(true, `${config.host}:${config.port} is free`)
  } catch (error) {
    return finding(false, messageOf(error))
  } finally {
    server.close()
  }
}

function messageOf(error: unknown): string {
  if (error instanceof StartError || error instanceof ProviderError) return error.message
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error)
}

function findingAbout(subject: string) {
  return (ok: boolean, says: string): Finding => ({ subject, ok, says })
}
