import { sql } from 'kysely'
import { pino } from 'pino'
import { type Db, openDatabase } from '../../src/server/db/connect.ts'

/** What a Postgres has counted so far. */
export type Counts = {
  readonly transactions: number
  /** Of its log to disk: commits that wrote, where none had to wait for another. */
  readonly syncs: number
  readonly logBytes: number
  readonly chunks: number
  /** Milliseconds on this process's clock. */
  readonly at: number
}

/** Bytes on disk of one row, with its share of the indexes and of what is stored out of line. */
export type RowBytes = Readonly<Record<'message' | 'generation' | 'conversation_event', number>> & {
  /** Rows of events for each answer. */
  readonly events: number
}

/** A look into the database of a Parley that runs. */
export type GrowthMeter = AsyncDisposable & {
  counts(): Promise<Counts>
  rowBytes(): Promise<RowBytes>
}

export async function openGrowthMeter(databaseUrl: string): Promise<GrowthMeter> {
  const { db, close } = await openDatabase({
    databaseUrl,
    dataDir: '',
    log: pino({ level: 'error' }),
    vacuumInterval: 1e9,
    statementTimeout: 30_000,
  })
  return {
    counts: async () => ({ ...(await readCounts(db)), at: performance.now() }),
    rowBytes: () => readRowBytes(db),
    [Symbol.asyncDispose]: close,
  }
}

async function readCounts(db: Db): Promise<Omit<Counts, 'at'>> {
  const { rows } = await sql<Omit<Counts, 'at'>>`select
    (select xact_commit from pg_stat_database where datname = current_database())::float8 as transactions,
    (select sum(fsyncs) from pg_stat_io where object = 'wal')::float8 as syncs,
    (pg_current_wal_lsn() - '0/0')::float8 as "logBytes",
    (select n_tup_ins from pg_stat_user_tables where relname = 'chunk')::float8 as chunks`.execute(db)
  return rows[0]!
}

async function readRowBytes(db: Db): Promise<RowBytes> {
  const { rows } = await sql<RowBytes>`select
    pg_total_relation_size('generation')::float8 / (select count(*) from generation) as generation,
    pg_total_relation_size('conversation_event')::float8
      / (select count(*) from conversation_event) as conversation_event,
    (select count(*) from conversation_event)::float8 / (select count(*) from generation) as events,
    (pg_total_relation_size('message') + pg_total_relation_size('message_parent')
      - (select sum(pg_column_size(parts)) from message))::float8
      / (select count(*) from message) as message`.execute(db)
  return rows[0]!
}
