import { sql } from 'kysely'
import type { Viewer } from '../auth/viewer.ts'
import type { Db, Tx } from '../db/connect.ts'
import type { ConversationRow } from '../db/tables.ts'
import { ChatError } from '../errors.ts'
import type { ConversationId, GenerationId, MessageId } from '../ids.ts'

/** A conversation as one viewer sees it. */
export type Conversation = ConversationRow & { head_id: MessageId | null; starred: boolean }

/** The conversations that a viewer may see. Every read of a conversation or of what belongs to one goes through it. */
export function visibleConversations(db: Db | Tx, viewer: Viewer) {
  return db
    .selectFrom('conversation')
    .leftJoin('conversation_viewer as own', (join) =>
      join.onRef('own.conversation_id', '=', 'conversation.id').on('own.viewer_id', '=', viewer.id),
    )
    .where('conversation.owner_id', '=', viewer.id)
    .where('conversation.deleted_at', 'is', null)
}

/** Selects what {@link visibleConversations} found. */
export function asConversations(query: ReturnType<typeof visibleConversations>) {
  return query
    .selectAll('conversation')
    .select(['own.head_id', sql<boolean>`coalesce(own.starred, false)`.as('starred')])
}

/** The conversations of `ids` that the viewer may see. */
export async function findConversations(
  db: Db | Tx,
  viewer: Viewer,
  ids: readonly ConversationId[],
): Promise<Conversation[]> {
  return asConversations(visibleConversations(db, viewer)).where('conversation.id', 'in', ids).execute()
}

/**
 * Locks a conversation that the viewer may write to. The lock orders all its events, so it is the first one that a
 * transaction takes; what is read before it may be old by the time it is had. Throws ChatError NOT_FOUND at
 * `conversationId`.
 */
export async function requireConversation(tx: Tx, viewer: Viewer, id: ConversationId): Promise<Conversation> {
  await lockConversation(tx, id)
  const [conversation] = await findConversations(tx, viewer, [id])
  if (!conversation) throw new ChatError('NOT_FOUND', 'Cannot find the conversation', ['conversationId'])
  return conversation
}

/** Takes the lock that orders a conversation's events. */
export async function lockConversation(tx: Tx, id: ConversationId): Promise<void> {
  await tx.selectFrom('conversation').select('id').where('id', '=', id).forUpdate().execute()
}

/** The same for the conversation of a run. */
export async function lockConversationOf(tx: Tx, id: GenerationId): Promise<void> {
  const conversation = tx.selectFrom('generation').select('conversation_id').where('id', '=', id)
  await tx.selectFrom('conversation').select('id').where('id', '=', conversation).forUpdate().execute()
}
