import { sql } from 'kysely'
import type { Db } from '../db/connect.ts'
import type { GenerationRow } from '../db/tables.ts'
import type { GenerationId, ProcessId } from '../ids.ts'
import { lockConversation } from './access.ts'
import type { Chat } from './chat.ts'
import { requeueRun } from './claim.ts'
import { commit, type Unit } from './commit.ts'
import { endGeneration } from './end-generation.ts'

/** Says that this process lives; by the database's clock it counts as dead `expiry` milliseconds later. */
export async function beat(db: Db, processId: ProcessId, expiry: number): Promise<void> {
  const expires_at = sql<Date>`clock_timestamp() + ${expiry} * interval '1 millisecond'`
  await db
    .insertInto('process')
    .values({ id: processId, expires_at })
    .onConflict((conflict) => conflict.column('id').doUpdateSet({ expires_at }))
    .execute()
}

/** Which runs are taken: those of dead processes, of every other one, or what this one holds but does not run. */
export type Sweep = 'expired' | 'others' | 'own'

/**
 * Takes the runs of processes that are gone: one with text becomes INTERRUPTED and keeps it, one without goes back
 * in the queue, as if it had never begun.
 */
export async function sweep(chat: Chat, processId: ProcessId, which: Sweep): Promise<void> {
  for (const run of await orphans(chat.db, processId, which)) {
    await commit(chat, (unit) => takeOver(unit, run))
  }
  const gone =
    which === 'own'
      ? sql<boolean>`id = ${processId}`
      : which === 'others'
        ? sql<boolean>`id <> ${processId}`
        : sql<boolean>`expires_at < clock_timestamp()`
  await chat.db.deleteFrom('process').where(gone).execute()
}

async function orphans(db: Db, processId: ProcessId, which: Sweep): Promise<GenerationRow[]> {
  const owned = db.selectFrom('generation').selectAll().where('status', '=', 'RUNNING').orderBy('id')
  if (which === 'own') return owned.where('owner_id', '=', processId).execute()
  const others = owned.where('owner_id', '<>', processId)
  if (which === 'others') return others.execute()
  const living = db.selectFrom('process').select('id').where(sql<boolean>`expires_at >= clock_timestamp()`)
  return others.where('owner_id', 'not in', living).execute()
}

/** Whatever happened since the orphan was found, happened under its lock: its epoch tells. */
async function takeOver(unit: Unit, orphan: GenerationRow): Promise<void> {
  await lockConversation(unit.tx, orphan.conversation_id)
  const run = await unit.tx
    .selectFrom('generation')
    .selectAll()
    .where('id', '=', orphan.id)
    .where('status', '=', 'RUNNING')
    .where('epoch', '=', orphan.epoch)
    .forUpdate()
    .executeTakeFirst()
  if (!run) return
  const text = await unit.tx
    .selectFrom('chunk')
    .select('part')
    .where('generation_id', '=', run.id)
    .limit(1)
    .executeTakeFirst()
  if (text) await endGeneration(unit, run, { type: 'lost' })
  else await requeueRun(unit, run)
}

/** Runs that nobody has begun, oldest first. */
export async function findQueued(db: Db): Promise<GenerationId[]> {
  const rows = await db
    .selectFrom('generation')
    .select('id')
    .where('status', '=', 'QUEUED')
    .orderBy('queued_at')
    .execute()
  return rows.map((row) => row.id)
}

/** Which of these runs are no longer this process's: ended or taken over by another one. */
export async function findLost(
  db: Db,
  processId: ProcessId,
  ids: readonly GenerationId[],
): Promise<GenerationId[]> {
  if (ids.length === 0) return []
  const rows = await db
    .selectFrom('generation')
    .select('id')
    .where('id', 'in', ids)
    .where((where) =>
      where.or([where('status', 'not in', ['QUEUED', 'RUNNING']), where('owner_id', '<>', processId)]),
    )
    .execute()
  return rows.map((row) => row.id)
}
