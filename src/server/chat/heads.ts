import type { Viewer } from '../auth/viewer.ts'
import type { Tx } from '../db/connect.ts'
import { ChatError } from '../errors.ts'
import type { ConversationId, MessageId } from '../ids.ts'
import { type Conversation, requireConversation } from './access.ts'
import type { Chat } from './chat.ts'
import { type Mutation, mutate } from './commit.ts'
import { findMessage } from './messages.ts'

/** Somebody else moved the head first. */
export class HeadConflictError extends ChatError {
  override name = 'HeadConflictError'
  readonly head: MessageId | null

  constructor(head: MessageId | null) {
    super('CONFLICT', 'Cannot move the head: it is not where `expectedHeadId` says', ['expectedHeadId'])
    this.head = head
  }
}

export type SetHeadInput = {
  readonly clientMutationId: string | null
  readonly conversationId: ConversationId
  readonly leafId: MessageId
  readonly expectedHeadId: MessageId | null
}

/**
 * Moves the viewer's head to another message. Throws ChatError NOT_FOUND, and HeadConflictError when
 * `expectedHeadId` is given and the head is elsewhere.
 */
export async function setHead(
  chat: Chat,
  viewer: Viewer,
  input: SetHeadInput,
): Promise<{ conversation: ConversationId }> {
  return mutate(chat, viewer, 'setHead', input, async (mutation) => {
    const conversation = await requireConversation(mutation.tx, viewer, input.conversationId)
    const leaf = await findMessage(mutation.tx, conversation, input.leafId)
    if (!leaf) throw new ChatError('NOT_FOUND', 'Cannot find the message in this conversation', ['leafId'])
    const stale = input.expectedHeadId !== null && input.expectedHeadId !== conversation.head_id
    if (stale) throw new HeadConflictError(conversation.head_id)
    await moveHead(mutation, conversation, leaf.id)
    mutation.changes.announce(conversation.id)
    return { conversation: conversation.id }
  })
}

/** Moves every head that stands on one message to another. */
export async function moveHeadsOn(
  tx: Tx,
  conversation: Conversation,
  from: MessageId,
  to: MessageId,
): Promise<void> {
  await tx
    .updateTable('conversation_viewer')
    .set({ head_id: to })
    .where('conversation_id', '=', conversation.id)
    .where('head_id', '=', from)
    .execute()
}

/** Puts the viewer's head on a message. */
export async function moveHead(
  { tx, viewer }: Mutation,
  conversation: Conversation,
  head: MessageId,
): Promise<void> {
  await tx
    .insertInto('conversation_viewer')
    .values({ conversation_id: conversation.id, viewer_id: viewer.id, head_id: head })
    .onConflict((conflict) =>
      conflict.columns(['conversation_id', 'viewer_id']).doUpdateSet({ head_id: head }),
    )
    .execute()
}
