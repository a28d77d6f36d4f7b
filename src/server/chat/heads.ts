import type { Viewer } from '../auth/viewer.ts'
import { ChatError } from '../errors.ts'
import type { ConversationId, MessageId } from '../ids.ts'
import { type Conversation, requireConversation } from './access.ts'
import type { Chat } from './chat.ts'
import { type Mutation, mutate, type Unit } from './commit.ts'
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
    moveHead(mutation, conversation, leaf.id)
    mutation.changes.announce(conversation.id)
    return { conversation: conversation.id }
  })
}

/** Moves every head that stands on one message to another. */
export function moveHeadsOn(
  { tx, changes }: Unit,
  conversation: Conversation,
  from: MessageId,
  to: MessageId,
): void {
  const heads = tx.updateTable('conversation_viewer').where('conversation_id', '=', conversation.id)
  changes.addStatement(heads.where('head_id', '=', from).set({ head_id: to }))
}

/** Puts the viewer's head on a message. */
export function moveHead({ changes, viewer }: Mutation, conversation: Conversation, head: MessageId): void {
  changes.add('conversation_viewer', {
    conversation_id: conversation.id,
    viewer_id: viewer.id,
    head_id: head,
  })
}
