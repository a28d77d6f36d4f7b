import { sql } from 'kysely'
import type { ConversationEventType, ViewerEventType } from '../db/tables.ts'
import type { ConversationId, GenerationId, MessageId, ViewerId } from '../ids.ts'
import type { Unit } from './commit.ts'

export type NewEvent = {
  readonly type: ConversationEventType
  readonly messageId?: MessageId
  readonly generationId?: GenerationId
}

/** On whose behalf something happens; only that viewer is shown the `clientMutationId`. */
export type Cause = { readonly viewer: { readonly id: ViewerId }; readonly clientMutationId: string | null }

/**
 * Appends durable events to a conversation, in the transaction that makes them true. `seq` comes from the
 * conversation's row, whose lock the transaction holds until its end, so that events become visible in order.
 */
export async function appendEvents(
  unit: Unit,
  conversationId: ConversationId,
  events: readonly NewEvent[],
  cause: Cause | null = null,
): Promise<void> {
  const { last_seq } = await unit.tx
    .updateTable('conversation')
    .set({ last_seq: sql`last_seq + ${events.length}` })
    .where('id', '=', conversationId)
    .returning('last_seq')
    .executeTakeFirstOrThrow()
  const rows = events.map(({ type, messageId, generationId }, index) => ({
    conversation_id: conversationId,
    seq: last_seq - events.length + index + 1,
    type,
    message_id: messageId ?? null,
    generation_id: generationId ?? null,
    client_mutation_id: cause?.clientMutationId ?? null,
    viewer_id: cause?.viewer.id ?? null,
  }))
  await unit.tx.insertInto('conversation_event').values(rows).execute()
  unit.topics.add(`conversation:${conversationId}`)
}

/** Appends a durable event to the stream of everybody who can see the conversation. Comes last: its lock does. */
export async function appendViewerEvents(
  unit: Unit,
  conversationId: ConversationId,
  type: ViewerEventType,
  cause: Cause | null = null,
): Promise<void> {
  const { rows } = await sql<{ viewer_id: ViewerId }>`
    with moved as (
      update viewer set last_seq = last_seq + 1
      where id in (select owner_id from conversation where id = ${conversationId})
      returning id, last_seq
    )
    insert into viewer_event (viewer_id, seq, type, conversation_id, client_mutation_id)
    select id, last_seq, ${type}, ${conversationId},
      case when id = ${cause?.viewer.id ?? null}::uuid then ${cause?.clientMutationId ?? null} end
    from moved returning viewer_id`.execute(unit.tx)
  for (const { viewer_id } of rows) unit.topics.add(`viewer:${viewer_id}`)
}
