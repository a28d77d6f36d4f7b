import { setTimeout as sleep } from 'node:timers/promises'
import { type Kysely, sql } from 'kysely'
import pg from 'pg'
import { type Migration, migrations } from '../../../migrations/index.ts'
import { reasonOf, StartError } from '../errors.ts'
import { version } from '../version.ts'
import { unbounded } from './bounded.ts'
import { type Db, type Tx, transaction } from './connect.ts'

type Migrations = Readonly<Record<string, Migration>>

/** How the migrations of a database compare with those of this program. */
export type MigrationState = {
  readonly applied: readonly string[]
  /** Ours, not applied yet. */
  readonly missing: readonly string[]
  /** Applied by a newer program. */
  readonly unknown: readonly string[]
  /** Those of `unknown` that took something away that we may need: we must not run on this database. */
  readonly incompatible: readonly string[]
}

/** An arbitrary number, the same in every release. */
const lockKey = 71_603_184
/** For about a minute in all. */
const defaultPatience: Patience = { lockTimeout: 5_000, attempts: 12, pause: 1_000 }

/** Times in milliseconds. */
type Patience = {
  /** How long a migration waits for a table: whoever wants that table meanwhile has to queue behind it. */
  readonly lockTimeout: number
  readonly attempts: number
  /** The longest pause between two attempts. */
  readonly pause: number
}

/**
 * Applies, in one transaction, every migration that the database lacks, and answers with their names. Processes that
 * do it at the same time wait for the first, and find nothing left to do.
 *
 * A database that a newer program has expanded is fine; one from which it has removed something is refused.
 *
 * @throws StartError that names the migration in the way, or says that the tables stayed in use, or that the role may
 * not change them
 */
export async function migrate(
  db: Db,
  list: Migrations = migrations,
  patience = defaultPatience,
): Promise<string[]> {
  // Without a look first, a role that may not create tables could not start on a database that needs nothing.
  if (requireCompatible(await migrationState(db, list)).missing.length === 0) return []
  for (let attempt = 1; ; attempt++) {
    try {
      return await unbounded(() => transaction(db, (tx) => applyMissing(tx, list, patience.lockTimeout)))
    } catch (error) {
      if (isRefusal(error)) {
        const what = `${reasonOf(error)}: use the role that owns the database, for parley migrate at least`
        throw new StartError(`Cannot migrate the database: ${what}`, { cause: error })
      }
      if (!isLockTimeout(error)) throw error
      if (attempt === patience.attempts) {
        throw new StartError('Cannot migrate the database: its tables stayed in use', {
          cause: error,
        })
      }
      await sleep(Math.random() * patience.pause)
    }
  }
}

/** Compares the database with `list`; reads only. */
export async function migrationState(db: Db | Tx, list: Migrations = migrations): Promise<MigrationState> {
  const rows = await readApplied(db)
  const names = rows.map(({ name }) => name)
  const unknown = rows.filter(({ name }) => !Object.hasOwn(list, name))
  return {
    applied: names,
    missing: Object.keys(list).filter((name) => !names.includes(name)),
    unknown: unknown.map(({ name }) => name),
    incompatible: unknown.filter(({ kind }) => kind === 'contract').map(({ name }) => name),
  }
}

async function applyMissing(tx: Tx, list: Migrations, lockTimeout: number): Promise<string[]> {
  await sql`set local lock_timeout = ${sql.lit(lockTimeout)}`.execute(tx)
  await sql`select pg_advisory_xact_lock(${lockKey})`.execute(tx)
  await sql`create table if not exists migration (
    name text primary key,
    kind text not null,
    applied_at timestamptz not null default clock_timestamp()
  )`.execute(tx)
  const { missing } = requireCompatible(await migrationState(tx, list))
  for (const name of missing) {
    const { kind, up } = list[name]!
    // A migration knows the tables of its own time only.
    await up(tx as unknown as Kysely<unknown>)
    await sql`insert into migration (name, kind) values (${name}, ${kind})`.execute(tx)
  }
  return [...missing]
}

async function readApplied(db: Db | Tx): Promise<{ name: string; kind: string }[]> {
  try {
    const query = sql<{ name: string; kind: string }>`select name, kind from migration order by name`
    return (await query.execute(db)).rows
  } catch (error) {
    if (isUndefinedTable(error)) return []
    throw error
  }
}

function requireCompatible(state: MigrationState): MigrationState {
  if (state.incompatible.length === 0) return state
  throw new StartError(
    `Cannot use this database: a newer Parley has applied ${state.incompatible.join(', ')}, ` +
      `which removes what Parley ${version} needs; start the newer one`,
  )
}

/** undefined_table */
function isUndefinedTable(error: unknown): boolean {
  return error instanceof pg.DatabaseError && error.code === '42P01'
}

/** insufficient_privilege */
function isRefusal(error: unknown): boolean {
  return error instanceof pg.DatabaseError && error.code === '42501'
}

/** lock_not_available */
function isLockTimeout(error: unknown): boolean {
  return error instanceof pg.DatabaseError && error.code === '55P03'
}
