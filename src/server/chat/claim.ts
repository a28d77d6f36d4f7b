import { sql } from 'kysely'
import type { GenerationRow } from '../db/tables.ts'
import type { GenerationId, ProcessId } from '../ids.ts'
import type { Lease } from '../streams/run-log.ts'
import { lockConversation } from './access.ts'
import type { Chat } from './chat.ts'
import { commit, type Unit } from './commit.ts'
import { appendEvents } from './events.ts'

/**
 * Takes a queued run for this process; its next epoch fences off whoever held it before. Null when somebody else
 * was first or the run has ended.
 */
export async function claimRun(
  chat: Chat,
  processId: ProcessId,
  id: GenerationId,
): Promise<GenerationRow | null> {
  return commit(chat, async (unit) => {
    const queued = await lockQueued(unit, id)
    if (!queued) return null
    const run = await unit.tx
      .updateTable('generation')
      .set({
        status: 'RUNNING',
        owner_id: processId,
        epoch: queued.epoch + 1,
        started_at: sql<Date>`clock_timestamp()`,
      })
      .where('id', '=', id)
      .returningAll()
      .executeTakeFirstOrThrow()
    await unit.tx
      .updateTable('message')
      .set({ status: 'STREAMING' })
      .where('id', '=', run.message_id)
      .execute()
    await appendEvents(unit, run.conversation_id, [changed(run)])
    return run
  })
}

async function lockQueued(unit: Unit, id: GenerationId): Promise<GenerationRow | undefined> {
  const found = await unit.tx
    .selectFrom('generation')
    .select('conversation_id')
    .where('id', '=', id)
    .executeTakeFirst()
  if (!found) return undefined
  await lockConversation(unit.tx, found.conversation_id)
  return unit.tx
    .selectFrom('generation')
    .selectAll()
    .where('id', '=', id)
    .where('status', '=', 'QUEUED')
    .forUpdate()
    .skipLocked()
    .executeTakeFirst()
}

/** Records that the provider is asked once more. Does nothing once the run is no longer the lease's. */
export async function recordAttempt(chat: Chat, run: GenerationRow, attempt: number): Promise<void> {
  await commit(chat, async (unit) => {
    await lockConversation(unit.tx, run.conversation_id)
    const updated = await unit.tx
      .updateTable('generation')
      .set({ attempt })
      .where('id', '=', run.id)
      .where('epoch', '=', run.epoch)
      .where('status', '=', 'RUNNING')
      .executeTakeFirst()
    if (updated.numUpdatedRows > 0n) await appendEvents(unit, run.conversation_id, [changed(run)])
  })
}

/** Puts a run that has no text yet back in the queue, for whichever process comes first. */
export async function requeueRun(unit: Unit, run: GenerationRow): Promise<void> {
  await unit.tx
    .updateTable('generation')
    .set({ status: 'QUEUED', owner_id: null, started_at: null, attempt: 1 })
    .where('id', '=', run.id)
    .execute()
  await unit.tx.updateTable('message').set({ status: 'PENDING' }).where('id', '=', run.message_id).execute()
  await appendEvents(unit, run.conversation_id, [changed(run)])
}

/** The lease that a claimed run is written with. */
export function leaseOf(run: GenerationRow): Lease {
  return { generationId: run.id, epoch: run.epoch }
}

function changed(run: GenerationRow) {
  return { type: 'GENERATION_CHANGED', generationId: run.id, messageId: run.message_id } as const
}
