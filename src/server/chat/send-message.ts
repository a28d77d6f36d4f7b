import type { Viewer } from '../auth/viewer.ts'
import { ChatError } from '../errors.ts'
import type { ConversationId, MessageId } from '../ids.ts'
import { type Conversation, requireConversation } from './access.ts'
import type { Chat } from './chat.ts'
import { type EntityIds, type Mutation, mutate } from './commit.ts'
import { createGeneration, requireMessage } from './generations.ts'
import { moveHead } from './heads.ts'
import { appendUserMessage, findMessage, findParents, isUnderWay, type Message } from './messages.ts'
import { type Generate, type Plan, requirePlan } from './parameters.ts'
import { requireText } from './text.ts'

export type SendMessageInput = {
  readonly clientMutationId: string | null
  readonly conversationId: ConversationId
  /** Null: `expectedHeadId`, else the viewer's head. */
  readonly parentId: MessageId | null
  readonly expectedHeadId: MessageId | null
  readonly text: string
  /** Null: nobody answers. */
  readonly generate: Generate | null
}

/**
 * Appends a person's message and, if asked to, starts the generation that answers it, all or nothing.
 *
 * A send that expects another head than the viewer's still lands under what it names; only the head stays. Throws
 * ChatError NOT_FOUND, INVALID, CONFLICT under a message that is being written, QUOTA_EXCEEDED, MODEL_UNAVAILABLE.
 */
export async function sendMessage(chat: Chat, viewer: Viewer, input: SendMessageInput) {
  requireText(input.text, 'text', chat.limits.messageLength)
  return mutate(chat, viewer, 'sendMessage', input, async (mutation) => {
    const conversation = await requireConversation(mutation.tx, viewer, input.conversationId)
    const plan = input.generate && requirePlan(chat.models, input.generate, conversation.default_model)
    const parent = await requireParent(mutation, conversation, input)
    const stale = input.expectedHeadId !== null && input.expectedHeadId !== conversation.head_id
    return append(chat, mutation, conversation, { parent, text: input.text, plan, movesHead: !stale })
  })
}

export type EditMessageInput = {
  readonly clientMutationId: string | null
  readonly messageId: MessageId
  readonly text: string
  readonly generate: Generate | null
}

/**
 * Writes a sibling of a person's message and starts the generation that answers it. Throws as {@link sendMessage}
 * does, and ChatError INVALID for a message that no person wrote.
 */
export async function editMessage(chat: Chat, viewer: Viewer, input: EditMessageInput) {
  requireText(input.text, 'text', chat.limits.messageLength)
  return mutate(chat, viewer, 'editMessage', input, async (mutation) => {
    const { conversation, message } = await requireMessage(mutation, input.messageId)
    if (message.role !== 'USER')
      throw new ChatError('INVALID', 'Cannot edit an answer: only a person’s message', ['messageId'])
    const plan = requirePlan(chat.models, input.generate ?? {}, conversation.default_model)
    const [parentId] = (await findParents(mutation.tx, [message.id])).get(message.id) ?? []
    const parent = parentId ? await findMessage(mutation.tx, conversation, parentId) : null
    return append(chat, mutation, conversation, { parent, text: input.text, plan, movesHead: true })
  })
}

type Append = {
  readonly parent: Message | null
  readonly text: string
  readonly plan: Plan | null
  readonly movesHead: boolean
}

async function append(
  chat: Chat,
  mutation: Mutation,
  conversation: Conversation,
  what: Append,
): Promise<EntityIds> {
  const message = appendUserMessage(mutation, mutation.viewer, conversation, what.parent, what.text)
  const generation = what.plan && (await createGeneration(chat, mutation, conversation, message, what.plan))
  if (what.movesHead) moveHead(mutation, conversation, generation?.message_id ?? message.id)
  mutation.changes.announce(conversation.id)
  return {
    conversation: conversation.id,
    userMessage: message.id,
    ...(generation && { generation: generation.id }),
  }
}

async function requireParent(
  { tx }: Mutation,
  conversation: Conversation,
  input: SendMessageInput,
): Promise<Message | null> {
  const [path, id] =
    input.parentId !== null
      ? ['parentId', input.parentId]
      : ['expectedHeadId', input.expectedHeadId ?? conversation.head_id]
  if (id === null) return null
  const parent = await findMessage(tx, conversation, id)
  if (!parent) throw new ChatError('NOT_FOUND', 'Cannot find that message in this conversation', [path])
  const named = input.parentId !== null || input.expectedHeadId !== null
  if (isUnderWay(parent)) {
    throw new ChatError(
      'CONFLICT',
      'Cannot send under an answer that is still being written',
      named ? [path] : null,
    )
  }
  return parent
}
