import { sql } from 'kysely'
import type { Db } from '../db/connect.ts'
import type { GenerationRow } from '../db/tables.ts'
import type { GenerationId, ProcessId } from '../ids.ts'
import { noTokenUsage, type TokenUsage } from '../llm/provider.ts'
import type { Lease } from '../streams/run-log.ts'
import { lockConversation, lockConversationOf } from './access.ts'
import type { Chat, Run } from './chat.ts'
import { commit, type Unit } from './commit.ts'
import { addToLedger } from './ledger.ts'

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
    await lockConversationOf(unit.tx, id)
    const queued = unit.tx
      .selectFrom('generation')
      .select('id')
      .where('id', '=', id)
      .where('status', '=', 'QUEUED')
      .forUpdate()
      .skipLocked()
    const run = await unit.tx
      .updateTable('generation')
      .set({
        status: 'RUNNING',
        owner_id: processId,
        epoch: sql`epoch + 1`,
        started_at: sql<Date>`clock_timestamp()`,
      })
      .where('id', '=', queued)
      .returningAll()
      .executeTakeFirst()
    if (!run) return null
    await unit.tx
      .updateTable('message')
      .set({ status: 'STREAMING' })
      .where('id', '=', run.message_id)
      .execute()
    unit.changes.note(run.conversation_id, changed(run))
    return run
  })
}

/**
 * Records that the provider is asked once more, and what it used the time before as far as that is known. Does nothing
 * once the run is no longer the lease's.
 */
export async function recordAttempt(
  chat: Chat,
  run: Run,
  attempt: number,
  used: TokenUsage | null,
): Promise<void> {
  await commit(chat, async (unit) => {
    await lockConversation(unit.tx, run.conversation_id)
    const updated = await unit.tx
      .updateTable('generation')
      .set({ attempt })
      .where('id', '=', run.id)
      .where('epoch', '=', run.epoch)
      .where('status', '=', 'RUNNING')
      .returningAll()
      .executeTakeFirst()
    if (!updated) return
    const failed = { outcome: 'FAILED', usage: used ?? noTokenUsage, isEstimated: true } as const
    addToLedger(unit, { ...updated, attempt: attempt - 1 }, failed)
    unit.changes.note(run.conversation_id, changed(run))
  })
}

/**
 * Keeps what the provider said it has read, for whoever ends the run without having heard that: a cancel elsewhere,
 * or whoever takes the run from a dead process. Does nothing once the run is no longer the lease's.
 */
export async function recordUsage(db: Db, run: Run, usage: TokenUsage): Promise<void> {
  await db
    .updateTable('generation')
    .set({ input_tokens: usage.inputTokens, cached_tokens: usage.cachedTokens })
    .where('id', '=', run.id)
    .where('epoch', '=', run.epoch)
    .where('status', '=', 'RUNNING')
    .execute()
}

/** Puts a run that has no text yet back in the queue, for whichever process comes first. */
export async function requeueRun(unit: Unit, run: GenerationRow, lostProcesses: number): Promise<void> {
  unit.queued.add(run.id)
  addToLedger(unit, run, { outcome: 'INTERRUPTED', usage: noTokenUsage, isEstimated: true })
  await unit.tx
    .updateTable('generation')
    .set({
      status: 'QUEUED',
      owner_id: null,
      started_at: null,
      attempt: 1,
      lost_processes: lostProcesses,
    })
    .where('id', '=', run.id)
    .execute()
  await unit.tx.updateTable('message').set({ status: 'PENDING' }).where('id', '=', run.message_id).execute()
  unit.changes.note(run.conversation_id, changed(run))
}

/** The lease that a claimed run is written with. */
export function leaseOf(run: Run): Lease {
  return { generationId: run.id, epoch: run.epoch }
}

function changed(run: Run) {
  return { type: 'GENERATION_CHANGED', generationId: run.id, messageId: run.message_id } as const
}
