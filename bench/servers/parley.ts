import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { databaseUrl, run, startPostgres } from '../../test/support/postgres-server.ts'
import { lineWith, profiled, startProgram } from './process.ts'
import type { Surroundings, Target } from './target.ts'

/** The product on the database that it embeds, and on a server's. */
export const parleyNames = ['parley-pglite', 'parley-postgres'] as const

export type ParleyName = (typeof parleyNames)[number]

/** Data of one Parley, and the settings by which it finds them. Removed when it goes out of scope. */
export type Place = AsyncDisposable & {
  readonly settings: Readonly<Record<string, string>>
  readonly databasePid: number | null
}

/** An empty place: a directory, or a Postgres that syncs what it commits, as people run it. */
export async function makePlace(name: ParleyName): Promise<Place> {
  await using stack = new AsyncDisposableStack()
  const path = mkdtempSync(join(tmpdir(), 'parley-bench-'))
  stack.defer(() => rmSync(path, { recursive: true, force: true }))
  const postgres = name === 'parley-postgres' ? await startPostgres({ durable: true }) : null
  if (postgres) stack.defer(postgres.stop)
  const settings = { PARLEY_DATA_DIR: path, ...(postgres && (await databaseSettings(postgres.url))) }
  const made = stack.move()
  return {
    settings,
    databasePid: postgres?.pid ?? null,
    [Symbol.asyncDispose]: () => made.disposeAsync(),
  }
}

async function databaseSettings(url: string): Promise<Record<string, string>> {
  await run(url, 'create database parley')
  return { DATABASE_URL: databaseUrl(url, 'parley') }
}

/** What a scenario is not about does not get in its way. */
const lifted = {
  PARLEY_LIMIT_OPERATIONS_PER_SECOND: '1000000',
  // Nobody reads on after a measurement.
  PARLEY_GRACE: '0s',
  PARLEY_LIMIT_RUNS: '100000',
  PARLEY_LIMIT_RUNS_PER_PROVIDER: '100000',
  PARLEY_LIMIT_QUEUED_RUNS: '100000',
}

/** Starts the executable on `place`; the place stays when it ends. */
export async function startParley(
  { executable, upstreamUrl, profile }: Surroundings & { readonly executable: string },
  name: ParleyName,
  place: Place,
  settings: Readonly<Record<string, string>> = {},
): Promise<Target> {
  const program = startProgram(executable, [], {
    PORT: '0',
    NODE_ENV: 'production',
    ANTHROPIC_API_KEY: 'bench',
    ANTHROPIC_BASE_URL: upstreamUrl,
    LOG_LEVEL: 'error',
    ...lifted,
    ...place.settings,
    ...(profile && profiled(name)),
    ...settings,
  })
  const url = new URL('/graphql', await lineWith(program, / is at (http:\S+)/))
  return { ...program, name, dialect: 'parley', url: url.href, databasePid: place.databasePid }
}
