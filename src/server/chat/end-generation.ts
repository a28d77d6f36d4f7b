import { sql } from 'kysely'
import type { Viewer } from '../auth/viewer.ts'
import type { Tx } from '../db/connect.ts'
import type { GenerationRow, GenerationStatus, StoredPart } from '../db/tables.ts'
import { ChatError } from '../errors.ts'
import type { GenerationId } from '../ids.ts'
import { type FinishReason, noTokenUsage, type ProviderError, type TokenUsage } from '../llm/provider.ts'
import type { Chat } from './chat.ts'
import { type Mutation, mutate, type Unit } from './commit.ts'
import { findGenerations, isActive } from './generations.ts'
import { type Attempt, addToLedger, findEarlier, totalsOf } from './ledger.ts'
import { messageHash } from './message-hash.ts'
import { previewLength, textOf } from './messages.ts'
import { beginningOf, estimateTokens } from './text.ts'

/** How a run comes to its end. `lost`: the process that ran it is gone, or is about to go. */
export type Ending =
  | { readonly type: 'completed'; readonly reason: FinishReason; readonly usage: TokenUsage | null }
  | { readonly type: 'canceled'; readonly usage: TokenUsage | null }
  | { readonly type: 'failed'; readonly error: ProviderError; readonly usage: TokenUsage | null }
  | { readonly type: 'lost' }

type FinalStatus = Exclude<GenerationStatus, 'QUEUED' | 'RUNNING'>

/**
 * Ends a run in the caller's transaction: what is committed of its text becomes its message, for good.
 *
 * Locks the conversation, then the run, so that a batch of the log either comes before and is kept, or after and
 * is refused. With `epoch`, only while the run is still that lease's. Returns false, and does nothing, for a run
 * that has ended or was taken over.
 */
export async function endGeneration(
  unit: Unit,
  id: GenerationId,
  ending: Ending,
  epoch: number | null = null,
): Promise<boolean> {
  const run = await lockActive(unit.tx, id)
  if (!run) return false
  // In the queue it is nobody's, though its epoch is still that of its last lease.
  if (epoch !== null && (run.status !== 'RUNNING' || run.epoch !== epoch)) return false
  const texts = await takeTexts(unit.tx, run)
  const parts = texts.map(({ kind, text }) => ({ kind, text }))
  const status = statusOf(ending, parts)
  const attempt = attemptOf(run, ending, status, parts)
  // In the queue there was none.
  if (run.status === 'RUNNING') addToLedger(unit, run, attempt)
  const totals = totalsOf(attempt.usage, unit.pricesOf(run.model), await findEarlier(unit.tx, run))
  const update = unit.tx.updateTable('generation').where('id', '=', run.id)
  unit.changes.addStatement(
    update.set({
      status,
      finished_at: sql<Date>`clock_timestamp()`,
      first_token_at: texts[0]?.began_at ?? null,
      finish_reason: reasonOf(ending, status),
      timeline: sql<number[]>`${`{${texts.map(({ timeline }) => timeline).join()}}`}::integer[]`,
      ...failureOf(ending),
      ...totals,
      usage_estimated: attempt.isEstimated,
    }),
  )
  await finishMessage(unit, run, status, parts)
  const finished = { type: 'GENERATION_FINISHED', generationId: run.id, messageId: run.message_id } as const
  unit.changes.note(run.conversation_id, finished)
  unit.changes.announce(run.conversation_id)
  unit.ended.add(run.id)
  return true
}

type ActiveRun = NonNullable<Awaited<ReturnType<typeof lockActive>>>

/** Locks the conversation and then the run, in this order. The parents of its message are finished. */
async function lockActive(tx: Tx, id: GenerationId) {
  return tx
    .selectFrom('generation')
    .innerJoin('conversation', 'conversation.id', 'generation.conversation_id')
    .selectAll('generation')
    .select(hashesOfParents.as('parent_hashes'))
    .where('generation.id', '=', id)
    .where('status', 'in', ['QUEUED', 'RUNNING'])
    .forUpdate(['conversation', 'generation'])
    .executeTakeFirst()
}

const hashesOfParents = sql<string[]>`array(
  select coalesce(message.hash, '') from message_parent join message on message.id = message_parent.parent_id
  where message_parent.message_id = generation.message_id order by position)`

/**
 * Takes a run's text out of the log, a row for each part. The database puts it together: a long answer is hundreds of
 * chunks, and what is done here for each of them would be much of the answer's price.
 */
async function takeTexts(tx: Tx, { id, started_at }: GenerationRow) {
  const elapsed = sql`(extract(epoch from date_trunc('milliseconds', at) - ${started_at}) * 1000)::integer`
  return tx
    .with('taken', (db) => db.deleteFrom('chunk').where('generation_id', '=', id).returningAll())
    .selectFrom('taken')
    .select([
      sql<StoredPart['kind']>`min(kind)`.as('kind'),
      sql<string>`string_agg(text, '' order by start)`.as('text'),
      sql<Date>`min(at)`.as('began_at'),
      sql<string>`string_agg(concat_ws(',', part, start + length, ${elapsed}), ',' order by start)`.as(
        'timeline',
      ),
    ])
    .groupBy('part')
    .orderBy('part')
    .execute()
}

/** A run that ends before its time has failed when nothing came of it, and was interrupted when something did. */
function statusOf(ending: Ending, parts: readonly StoredPart[]): FinalStatus {
  if (ending.type === 'completed') return 'COMPLETED'
  if (ending.type === 'canceled') return 'CANCELED'
  return parts.length > 0 ? 'INTERRUPTED' : 'FAILED'
}

function reasonOf(ending: Ending, status: GenerationStatus): FinishReason {
  if (ending.type === 'completed') return ending.reason
  if (status === 'FAILED') return 'ERROR'
  return status === 'CANCELED' ? 'CANCELED' : 'INTERRUPTED'
}

function failureOf(ending: Ending) {
  if (ending.type !== 'failed') return {}
  const { code, message, retryable, retryAt } = ending.error
  return {
    failure_code: code,
    failure_message: message,
    failure_retryable: retryable,
    failure_retry_at: retryAt,
  }
}

/** A provider counts the output at the end: for a run that did not get there it is estimated. */
function attemptOf(
  run: GenerationRow,
  ending: Ending,
  outcome: FinalStatus,
  parts: readonly StoredPart[],
): Attempt {
  const usage = (ending.type === 'lost' ? null : ending.usage) ?? noTokenUsage
  const isEstimated = ending.type !== 'completed'
  const written = parts.map((part) => part.text).join('')
  return {
    outcome,
    isEstimated,
    usage: {
      ...usage,
      inputTokens: usage.inputTokens ?? run.input_tokens,
      cachedTokens: usage.cachedTokens ?? run.cached_tokens,
      outputTokens: isEstimated ? estimateTokens(written) : usage.outputTokens,
    },
  }
}

async function finishMessage(
  { tx, changes }: Unit,
  run: ActiveRun,
  status: FinalStatus,
  parts: readonly StoredPart[],
): Promise<void> {
  const { parent_hashes: parents, model, parameters } = run
  const hash = messageHash({ role: 'ASSISTANT', parts, parents, author: null, model, parameters })
  const { has_newer } = await tx
    .updateTable('message')
    .set({ status, parts: JSON.stringify(parts), hash })
    .where('id', '=', run.message_id)
    .returning(hasNewerText.as('has_newer'))
    .executeTakeFirstOrThrow()
  changes.noteText(run.conversation_id, has_newer ? null : beginningOf(textOf(parts), previewLength))
}

/** Runs beside each other end in any order: the newest message is not always the one that was finished last. */
const hasNewerText = sql<boolean>`exists (
  select from message as newer where newer.conversation_id = message.conversation_id
    and (newer.created_at, newer.id) > (message.created_at, message.id)
    and newer.parts @> '[{"kind": "TEXT"}]' and not newer.is_continuation)`

export type CancelInput = { readonly clientMutationId: string | null; readonly generationId: GenerationId }

/**
 * Ends a run at once, wherever it runs, and keeps the text that is committed. Doing it twice is the same as once.
 * Throws ChatError NOT_FOUND, or ALREADY_FINISHED when the run had come to another end.
 */
export async function cancelGeneration(chat: Chat, viewer: Viewer, input: CancelInput) {
  return mutate(chat, viewer, 'cancelGeneration', input, (mutation) =>
    cancel(chat, mutation, input.generationId),
  )
}

async function cancel(chat: Chat, mutation: Mutation, id: GenerationId) {
  const [generation] = await findGenerations(mutation.tx, mutation.viewer, [id])
  if (!generation) throw new ChatError('NOT_FOUND', 'Cannot find the generation', ['generationId'])
  const ending = { type: 'canceled', usage: chat.runner.usage(id) } as const
  const ended = isActive(generation) && (await endGeneration(mutation, id, ending))
  if (!ended && generation.status !== 'CANCELED') await requireCanceled(mutation, id)
  return { generation: id }
}

/** The run ended while this call waited for its lock, or long before. */
async function requireCanceled({ tx, viewer }: Mutation, id: GenerationId): Promise<void> {
  const [generation] = await findGenerations(tx, viewer, [id])
  if (generation?.status !== 'CANCELED') {
    throw new ChatError('ALREADY_FINISHED', 'Cannot cancel: the generation has already finished', [
      'generationId',
    ])
  }
}
