import { AsyncLocalStorage } from 'node:async_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { Kysely, PostgresDialect, type Transaction } from 'kysely'
import pg from 'pg'
import { reasonOf, StartError, UnavailableError } from '../errors.ts'
import type { Logger } from '../log.ts'
import { once } from '../once.ts'
import { boundedConnect, type Connection, sessionSettings } from './bounded.ts'
import { startEmbedded } from './embedded.ts'
import { maintain } from './maintain.ts'
import { createPreparer } from './prepared.ts'
import type { Tables } from './tables.ts'

export type Db = Kysely<Tables>
export type Tx = Transaction<Tables>

export type Database = {
  readonly db: Db
  readonly kind: 'postgres' | 'embedded'
  /** Postgres's version, as `18.1`. */
  readonly version: string
  /** Resolves when the embedded Postgres has broken down: every query fails from then on, so end the process. */
  readonly failed: Promise<Error>
  /** Waits for the queries under way, at most five seconds, and gives everything back. May be called again. */
  close(): Promise<void>
}

/** The oldest Postgres that is supported. */
const oldestVersion = 15
/** Milliseconds that a stop waits for the queries under way. */
const closeTimeout = 5_000

/**
 * Opens the Postgres at `databaseUrl`, or else the embedded one in `dataDir`. Does not migrate it.
 *
 * Nobody else looks after the embedded one: its tables are vacuumed from here, every `vacuumInterval` milliseconds.
 * What gets no connection within `statementTimeout` milliseconds fails with an UnavailableError, and so does what the
 * other one, which may be away, does not answer in time. The embedded one can't be away without its process: a
 * statement that has its connection only waits for others.
 *
 * @throws StartError when it cannot be reached or is too old, or when another process has `dataDir`
 */
export async function openDatabase(options: {
  readonly databaseUrl: string | null
  readonly dataDir: string
  readonly log: Logger
  readonly vacuumInterval: number
  readonly statementTimeout: number
}): Promise<Database> {
  const { databaseUrl, statementTimeout, log } = options
  return databaseUrl === null ? openEmbedded(options) : openServer(databaseUrl, statementTimeout, log)
}

async function openServer(databaseUrl: string, timeout: number, log: Logger): Promise<Database> {
  const config = {
    connectionString: databaseUrl,
    max: 10,
    keepAlive: true,
    connectionTimeoutMillis: timeout,
    onConnect: (client: pg.ClientBase) => tellSession(client, timeout),
  }
  const pool = createPool(config, log)
  try {
    const version = await requireVersion(pool)
    return {
      db: createDb(pool, boundedConnect(pool, timeout, log)),
      kind: 'postgres',
      version,
      failed: new Promise(() => {}),
      close: once(() => endPool(pool)),
    }
  } catch (error) {
    await pool.end()
    if (error instanceof StartError) throw error
    throw new StartError(`Cannot use DATABASE_URL: ${reasonOf(error)}`, { cause: error })
  }
}

async function openEmbedded(options: Parameters<typeof openDatabase>[0]): Promise<Database> {
  const { log, vacuumInterval, statementTimeout: connectionTimeoutMillis } = options
  const embedded = await startEmbedded(options)
  // It runs one statement at a time: more connections would only queue elsewhere. None of them costs anything.
  const config = { ...embedded.connection, port: 5432, user: 'postgres', database: 'postgres', ssl: false }
  const pool = createPool({ ...config, max: 4, idleTimeoutMillis: 0, connectionTimeoutMillis }, log)
  let failure: Error | null = null
  void embedded.failed.then((error) => {
    failure = error
  })
  // A server is not asked to keep statements: its tables may change beneath them.
  const prepare = createPreparer()
  const db = createDb(pool, async () => {
    if (failure !== null) throw new Error(failure.message, { cause: failure })
    const client = await pool.connect().catch((error: unknown) => {
      throw new UnavailableError(`The database is busy: ${reasonOf(error)}`, { cause: error })
    })
    return prepare(client)
  })
  const stopMaintenance = maintain(db, log, vacuumInterval)
  const close = once(async () => {
    await stopMaintenance()
    await endPool(pool)
    await embedded.close()
  })
  try {
    return { db, kind: 'embedded', version: await requireVersion(pool), failed: embedded.failed, close }
  } catch (error) {
    await close()
    throw error
  }
}

function createPool(config: pg.PoolConfig, log: Logger): pg.Pool {
  const pool = new pg.Pool({ application_name: 'parley', ...config })
  // Nobody has lost anything by that. If the database is away, the next statement finds out and says so.
  pool.on('error', (error) => log.debug({ reason: reasonOf(error) }, 'an idle database connection broke'))
  // While it is in use, its query fails and tells; without a listener, the process would end.
  pool.on('connect', (client) => client.on('error', () => {}))
  return pool
}

/** Waited for before the connection is used. A Postgres that can't be told, as on Windows, goes without. */
async function tellSession(client: pg.ClientBase, timeout: number): Promise<void> {
  const query = { text: sessionSettings(timeout), query_timeout: timeout }
  await client.query(query).catch((error: unknown) => {
    if (!(error instanceof pg.DatabaseError)) throw error
  })
}

function createDb(pool: pg.Pool, connect: (what: 'transaction' | 'statement') => Promise<Connection>): Db {
  const guarded = async () => {
    requireOutside(db)
    // Whoever asked may still ask another process.
    if (pool.ending) throw new UnavailableError('The database is closed')
    return connect(phaseOf(db) === 'beginning' ? 'transaction' : 'statement')
  }
  const dialect = new PostgresDialect({
    pool: { options: pool.options, connect: guarded, end: () => pool.end() },
  })
  const db: Db = new Kysely<Tables>({ dialect })
  return db
}

async function requireVersion(pool: pg.Pool): Promise<string> {
  const { rows } = await pool.query<{ name: string; number: number }>(
    `select current_setting('server_version') as name, current_setting('server_version_num')::integer as number`,
  )
  const { name, number } = rows[0]!
  if (number >= oldestVersion * 10_000) return name.split(' ')[0]!
  throw new StartError(
    `Cannot use DATABASE_URL: it is Postgres ${name}, Parley needs ${oldestVersion} or newer`,
  )
}

async function endPool(pool: pg.Pool): Promise<void> {
  await Promise.race([pool.end(), sleep(closeTimeout, undefined, { ref: false })])
}

type Scope = { readonly database: unknown; phase: 'beginning' | 'open' | 'over' }

const scope = new AsyncLocalStorage<Scope>()
const maxAttempts = 4

/** A mistake in the program: on the embedded database, which has one session, it would wait for itself. */
export class NestedUseError extends Error {
  override name = 'NestedUseError'

  constructor() {
    super('Cannot use db inside transaction(): use the tx that it gives')
  }
}

/**
 * Runs `work` in one transaction (READ COMMITTED) and commits it, or rolls it back when `work` throws. Side effects
 * belong after it: `work` runs again when Postgres gave up on it because of a deadlock or a conflict.
 *
 * @throws NestedUseError, from the query, where `work` or anything it calls uses `db` instead of its `tx`
 */
export async function transaction<T>(db: Db, work: (tx: Tx) => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await runTransaction(db, work)
    } catch (error) {
      if (attempt === maxAttempts || !isConflict(error)) throw error
      await sleep(Math.random() * 20 * 2 ** attempt)
    }
  }
}

async function runTransaction<T>(db: Db, work: (tx: Tx) => Promise<T>): Promise<T> {
  requireOutside(db)
  const state: Scope = { database: identify(db), phase: 'beginning' }
  const run = async (tx: Tx) => {
    state.phase = 'open'
    try {
      return await work(tx)
    } finally {
      // What `work` leaves running when it is through may use `db` again.
      state.phase = 'over'
    }
  }
  return scope.run(state, () => db.transaction().execute(run))
}

function requireOutside(db: Db): void {
  if (phaseOf(db) === 'open') throw new NestedUseError()
}

/** How far the transaction has come that the caller is in; null outside of all. */
function phaseOf(db: Db): Scope['phase'] | null {
  const state = scope.getStore()
  return state && state.database === identify(db) ? state.phase : null
}

/** The same for `db` and for what is made of it, as by `withPlugin`. */
function identify(db: Db): unknown {
  return db.getExecutor().adapter
}

/** serialization_failure, deadlock_detected */
function isConflict(error: unknown): boolean {
  return error instanceof pg.DatabaseError && (error.code === '40001' || error.code === '40P01')
}

/** Whether the database refused a statement for what it says (SQLSTATE classes 22 and 23), not for its own state. */
export function isAboutData(error: unknown): boolean {
  return error instanceof Error && 'code' in error && /^2[23]/.test(String(error.code))
}
