import { sql } from 'kysely'
import type { Db } from '../db/connect.ts'
import type { GenerationRow } from '../db/tables.ts'
import type { GenerationId, ProcessId } from '../ids.ts'
import { ProviderError } from '../llm/provider.ts'
import { lockConversation } from './access.ts'
import type { Chat } from './chat.ts'
import { requeueRun } from './claim.ts'
import { commit, type Unit } from './commit.ts'
import { continueByItself } from './continue-generation.ts'
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

/** Takes a process off the list of the living. */
export async function retire(db: Db, processId: ProcessId): Promise<void> {
  await db.deleteFrom('process').where('id', '=', processId).execute()
}

export type Sweeper = {
  readonly processId: ProcessId
  /** What this process is running now. */
  readonly active: () => readonly GenerationId[]
  readonly lostAfter: number
  /** Whether it can tell a dead process, now, from one that is only silent, as after the database was away. */
  readonly isSteady: () => boolean
}

/**
 * Takes the runs of processes that are gone: one with text becomes INTERRUPTED and keeps it, and may go on in a turn
 * of its own; one without goes back in the queue, as if it had never begun, but for one that has lost too many
 * processes. With `alone` every other process counts as gone. A run that can't be taken is logged, and left for the
 * next sweep.
 *
 * Whoever has said goodbye is gone at once, whoever is silent only to a sweeper that is steady.
 */
export async function sweep(chat: Chat, sweeper: Sweeper, { alone = false } = {}): Promise<void> {
  for (const run of await orphans(chat.db, sweeper, alone)) {
    // One that can't be taken must not hold up the others, nor the queue behind them.
    await commit(chat, (unit) => takeOver(chat, unit, run, sweeper)).catch((error: unknown) =>
      chat.log.error(
        { err: error, generationId: run.id },
        'the run of a dead process could not be taken over',
      ),
    )
  }
  // One that is long dead, not one that is silent: whoever is not on the list has said goodbye.
  const expired = alone
    ? sql<boolean>`true`
    : sql<boolean>`expires_at < clock_timestamp() - interval '1 hour'`
  await chat.db.deleteFrom('process').where('id', '<>', sweeper.processId).where(expired).execute()
}

/** `is_silent`: its process has not said goodbye, and may only not have been heard. */
type Orphan = GenerationRow & { is_silent: boolean }

/**
 * Runs of nobody who lives. This process's own, too, if it has not run them for `lostAfter` milliseconds: their end
 * could not be committed. Younger ones may be committed and about to start.
 */
async function orphans(
  db: Db,
  { processId, active, lostAfter, isSteady }: Sweeper,
  alone: boolean,
): Promise<Orphan[]> {
  const { rows } = await sql<Orphan>`
    select *, not ${alone} and owner_id <> ${processId} and exists (select from process where id = owner_id) as is_silent
    from generation where status = 'RUNNING' and id <> all(${active()}::uuid[]) and (
      (${alone} and owner_id <> ${processId})
      or (owner_id = ${processId} and started_at < clock_timestamp() - ${lostAfter} * interval '1 millisecond')
      or owner_id <> ${processId} and not exists (
        select from process where id = owner_id and (expires_at >= clock_timestamp() or not ${isSteady()})
      )
    ) order by id`.execute(db)
  return rows
}

/** Whatever happened since the orphan was found, happened under its lock: its epoch tells. */
async function takeOver(
  chat: Chat,
  unit: Unit,
  orphan: Orphan,
  { processId, active, isSteady }: Sweeper,
): Promise<void> {
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
  // The database may have answered late, after it was away: what was true when it was asked need not be.
  if (active().includes(run.id) || (orphan.is_silent && !isSteady())) return
  const text = await unit.tx
    .selectFrom('chunk')
    .select('part')
    .where('generation_id', '=', run.id)
    .limit(1)
    .executeTakeFirst()
  if (text) {
    await endGeneration(unit, run.id, { type: 'lost' })
    await continueByItself(chat, unit, run)
  } else {
    // Its own runs a process gives back alive, when it stops.
    await beginAnew(unit, run, run.lost_processes + (run.owner_id === processId ? 0 : 1))
  }
}

/** A run that loses so many processes may well be what kills them. */
const mostLostProcesses = 5

async function beginAnew(unit: Unit, run: GenerationRow, lostProcesses: number): Promise<void> {
  if (lostProcesses < mostLostProcesses) return requeueRun(unit, run, lostProcesses)
  const message = `The server has died ${lostProcesses} times while it was waiting for this answer`
  const error = new ProviderError('INTERNAL', message)
  await endGeneration(unit, run.id, { type: 'failed', error, usage: null })
}

/** Which of these runs are no longer this process's: ended, taken by another one, or back in the queue. */
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
    .where((where) => where.or([where('status', '<>', 'RUNNING'), where('owner_id', '<>', processId)]))
    .execute()
  return rows.map((row) => row.id)
}
