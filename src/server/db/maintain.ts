import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'kysely'
import type { Logger } from '../log.ts'
import type { Db } from './connect.ts'

/** How often the write-ahead log is measured, in milliseconds, and its length from which it is cut, in bytes. */
const checkpointInterval = 15_000
const checkpointBytes = 64 * 2 ** 20

/**
 * Does what a Postgres of several processes does in the background, and the embedded one does never: it checkpoints,
 * without which the write-ahead log and the time to recover grow without end, and it vacuums and analyzes every table,
 * every `vacuumInterval` milliseconds. Failures are logged.
 *
 * Answers with what ends it; that waits for the statement under way.
 */
export function maintain(db: Db, log: Logger, vacuumInterval: number): () => Promise<void> {
  const controller = new AbortController()
  const { signal } = controller
  const attempt = async (work: () => Promise<unknown>) => {
    if (signal.aborted) return
    await work().catch((error: unknown) =>
      log.error({ err: error }, 'maintenance of the embedded database failed'),
    )
  }
  const repeat = async (interval: number, work: () => Promise<void>) => {
    while (await pause(interval, signal)) await attempt(work)
  }
  const loops = [
    repeat(checkpointInterval, () => checkpointWhenDue(db)),
    repeat(vacuumInterval, () => vacuum(db, attempt)),
  ]
  return async () => {
    controller.abort()
    await Promise.all(loops)
  }
}

/** Whether the time passed, rather than being cut short. */
function pause(interval: number, signal: AbortSignal): Promise<boolean> {
  return sleep(interval, true, { signal, ref: false }).catch(() => false)
}

async function checkpointWhenDue(db: Db): Promise<void> {
  const { rows } = await sql<{ due: boolean }>`
    select pg_current_wal_lsn() - redo_lsn > ${checkpointBytes} as due from pg_control_checkpoint()
  `.execute(db)
  if (rows[0]?.due) await sql`checkpoint`.execute(db)
}

/**
 * Table by table, so that queries get in between and one failure stays alone. With the system's own tables: Postgres
 * runs out of transaction ids when a single table is never vacuumed.
 */
async function vacuum(db: Db, attempt: (work: () => Promise<unknown>) => Promise<void>): Promise<void> {
  const { rows } = await sql<{ name: string }>`
    select oid::regclass::text as name from pg_class where relkind = 'r' order by oid
  `.execute(db)
  for (const { name } of rows) await attempt(() => sql.raw(`vacuum (analyze) ${name}`).execute(db))
  await sql`checkpoint`.execute(db)
}
