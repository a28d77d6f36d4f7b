import { regenerateMessage } from '../chat/generations.ts'
import { textOf } from '../chat/messages.ts'
import { editMessage, sendMessage } from '../chat/send-message.ts'
import { RequestError } from '../errors.ts'
import type { GenerationId, MessageId } from '../ids.ts'
import type { Part } from '../streams/content.ts'
import { builder, cost } from './builder.ts'
import type { GraphContext } from './context.ts'
import { loadConversation } from './conversation.ts'
import { MessageRole, MessageStatus } from './enums.ts'
import { GenerateInput, generateOf } from './generate-input.ts'
import { keyOf, optionalKeyOf } from './ids.ts'
import { modelOf } from './model.ts'
import { ConversationRef, GenerationRef, MessageRef, ModelRef, UserRef } from './refs.ts'
import { UsageRef, usageOf } from './usage.ts'
import { clientMutationId, entity, outcomeOf, payloadRef } from './user-errors.ts'

/** A part with its place in the message. */
export type IndexedPart = Part & { readonly index: number }

export const MessagePart = builder.interfaceRef<IndexedPart>('MessagePart').implement({
  description:
    'A piece of a message. Identified by (message.id, index); deliberately no `id`, so client caches do not grow. More types may come.',
  resolveType: ({ kind }) => (kind === 'REASONING' ? 'ReasoningPart' : 'TextPart'),
  fields: (t) => ({ index: t.exposeInt('index', { description: 'Its place in the message, from 0.' }) }),
})

builder.objectRef<IndexedPart>('TextPart').implement({
  interfaces: [MessagePart],
  description: 'Text of the message, Markdown.',
  fields: (t) => ({ text: t.exposeString('text', { description: 'All of it that is committed.' }) }),
})

builder.objectRef<IndexedPart>('ReasoningPart').implement({
  interfaces: [MessagePart],
  description: 'What the model thought before it answered, as far as its provider shows it.',
  fields: (t) => ({ text: t.exposeString('text', { description: 'All of it that is committed.' }) }),
})

/**
 * Messages of a list of ids, in its order; one that was deleted meanwhile is left out. Throws RequestError COST_LIMIT
 * where such lists have given too many: how often they multiply when they are nested, no document tells beforehand.
 */
async function loadMessages(context: GraphContext, ids: readonly MessageId[] | null) {
  const most = context.chat.limits.cost
  context.relatives += ids?.length ?? 0
  if (context.relatives > most) {
    throw new RequestError(
      'COST_LIMIT',
      `The operation reads too many relatives of messages: at most ${most}`,
    )
  }
  const messages = await Promise.all((ids ?? []).map((id) => context.loaders.message.load(id)))
  return messages.filter((message) => message !== null)
}

builder.node(MessageRef, {
  description: 'Immutable once finished: an edit or regeneration adds a sibling, so history is a DAG.',
  id: { resolve: ({ id }) => id, description: 'Opaque, URL-safe, the same for ever.' },
  fields: (t) => ({
    conversation: t.field({
      type: ConversationRef,
      description: 'Where it was said.',
      resolve: async ({ conversation_id }, _args, { loaders }) =>
        (await loaders.conversation.load(conversation_id))!,
    }),
    role: t.expose('role', { type: MessageRole, description: 'Who speaks.' }),
    status: t.expose('status', { type: MessageStatus, description: 'How far it has come.' }),
    createdAt: t.expose('created_at', {
      type: 'DateTime',
      description: 'When it was sent or its generation was queued.',
    }),
    author: t.field({
      type: UserRef,
      nullable: true,
      description: 'The person who wrote it; null for a model.',
      resolve: ({ author_id }, _args, { loaders }) => author_id && loaders.viewer.load(author_id),
    }),
    model: t.field({
      type: ModelRef,
      nullable: true,
      description: 'The model that wrote it; null for a person.',
      resolve: ({ model }, _args, context) => modelOf(context, model),
    }),
    hash: t.exposeString('hash', {
      nullable: true,
      description:
        'Content address, `sha256:` and 64 hex digits (schema/HASHING.md); null until the message is finished. Not an identity: equal siblings have equal hashes.',
    }),
    isContinuation: t.exposeBoolean('is_continuation', {
      description:
        'A user turn that only asks the model to go on with its parent, an answer that was cut: show a seam in its place.',
    }),
    parents: t.field({
      type: [MessageRef],
      description:
        'The messages that it follows, the one of its thread first; none: it begins the conversation.',
      extensions: cost(4),
      resolve: async ({ id }, _args, context) =>
        loadMessages(context, await context.loaders.parents.load(id)),
    }),
    children: t.field({
      type: [MessageRef],
      description: 'The messages that follow it, oldest first.',
      extensions: cost(4),
      resolve: async ({ id }, _args, context) =>
        loadMessages(context, await context.loaders.children.load(id)),
    }),
    siblings: t.field({
      type: [MessageRef],
      description: 'The messages at the same place of the graph, itself among them, oldest first.',
      extensions: cost(4),
      resolve: async ({ id }, _args, context) =>
        loadMessages(context, await context.loaders.siblings.load(id)),
    }),
    siblingIndex: t.int({
      description: 'Its place among its siblings, from 0.',
      resolve: async ({ id }, _args, { loaders }) => (await loaders.siblings.load(id))?.indexOf(id) ?? 0,
    }),
    parts: t.field({
      type: [MessagePart],
      description: 'What it is made of, in order; while it is being written, what is committed so far.',
      resolve: ({ parts }) => parts.map((part, index) => ({ ...part, index })),
    }),
    text: t.string({
      description: 'Its text parts in one, without thinking.',
      resolve: ({ parts }) => textOf(parts),
    }),
    generation: t.field({
      type: GenerationRef,
      nullable: true,
      description: 'The run that writes or wrote it; null for a person’s.',
      resolve: ({ id, role }, _args, { loaders }) =>
        role === 'ASSISTANT' ? loaders.generationOf.load(id) : null,
    }),
    usage: t.field({
      type: UsageRef,
      nullable: true,
      description: 'What its generation used; null while it runs and for a person’s message.',
      resolve: async ({ id, role }, _args, { loaders }) =>
        role === 'ASSISTANT' ? usageOf(await loaders.generationOf.load(id)) : null,
    }),
  }),
})

builder.queryField('message', (t) =>
  t.field({
    type: MessageRef,
    nullable: true,
    description:
      'One message by id: what a client asks for when a link points at it. Null when the viewer may not see one.',
    args: { id: t.arg.id({ required: true, description: 'Its id.' }) },
    resolve: (_root, { id }, { loaders }) => loaders.message.load(keyOf('Message', id)),
  }),
)

const SendMessageInput = builder.inputType('SendMessageInput', {
  description: 'A person’s message.',
  fields: (t) => ({
    clientMutationId: t.string({ description: clientMutationId }),
    conversationId: t.id({ required: true, description: 'Where it is said.' }),
    parentId: t.id({ description: 'What it follows; null: `expectedHeadId`, else the viewer’s head.' }),
    expectedHeadId: t.id({
      description:
        'The head this client believes in, also the parent when `parentId` is null. When it is stale the message still lands under it, as a branch, without a user error, and the head does not move.',
    }),
    text: t.string({
      required: true,
      description:
        'Markdown, not only white space, no NUL, at most 100,000 UTF-16 units unless the server is set otherwise.',
    }),
    generate: t.field({ type: GenerateInput, description: 'Start an answer; null: no model is called.' }),
  }),
})

export const SendMessagePayload = payloadRef(
  'SendMessagePayload',
  'What a send, an edit, a regeneration or a continuation did.',
)
builder.objectFields(SendMessagePayload, (t) => ({
  userMessage: t.field({
    type: MessageRef,
    nullable: true,
    description: 'The person’s message; null on failure.',
    resolve: entity('userMessage', ({ loaders }, id) => loaders.message.load(id as MessageId)),
  }),
  generation: t.field({
    type: GenerationRef,
    nullable: true,
    description: 'The run that answers it; null on failure and where none was asked for.',
    resolve: entity('generation', ({ loaders }, id) => loaders.generation.load(id as GenerationId)),
  }),
  conversation: t.field({
    type: ConversationRef,
    nullable: true,
    description: 'The conversation with its new head; null on failure.',
    resolve: entity('conversation', loadConversation),
  }),
}))

builder.mutationField('sendMessage', (t) =>
  t.field({
    type: SendMessagePayload,
    nullable: true,
    description:
      'Appends a user message under `parentId` (default: the head) and, with `generate`, starts a generation in the same transaction. Without `generate` no model is called. Codes: NOT_FOUND, INVALID, CONFLICT under an answer that is being written, QUOTA_EXCEEDED, MODEL_UNAVAILABLE, IDEMPOTENCY_MISMATCH.',
    args: { input: t.arg({ type: SendMessageInput, required: true, description: 'The message.' }) },
    extensions: cost(50),
    resolve: (_root, { input }, { chat, viewer }) =>
      outcomeOf(input, () =>
        sendMessage(chat, viewer, {
          clientMutationId: input.clientMutationId ?? null,
          conversationId: keyOf('Conversation', input.conversationId),
          parentId: optionalKeyOf('Message', input.parentId),
          expectedHeadId: optionalKeyOf('Message', input.expectedHeadId),
          text: input.text,
          generate: generateOf(input.generate),
        }),
      ),
  }),
)

const EditMessageInput = builder.inputType('EditMessageInput', {
  description: 'Another wording of a person’s message.',
  fields: (t) => ({
    clientMutationId: t.string({ description: clientMutationId }),
    messageId: t.id({ required: true, description: 'The message that gets a sibling.' }),
    text: t.string({ required: true, description: 'As in `sendMessage`.' }),
    generate: t.field({ type: GenerateInput, description: 'How it is answered; null: with the defaults.' }),
  }),
})

builder.mutationField('editMessage', (t) =>
  t.field({
    type: SendMessagePayload,
    nullable: true,
    description:
      'Edit = new sibling of the user message + new generation. The head moves there; nothing is overwritten. Codes: as `sendMessage`, and INVALID for an answer.',
    args: { input: t.arg({ type: EditMessageInput, required: true, description: 'The edit.' }) },
    extensions: cost(50),
    resolve: (_root, { input }, { chat, viewer }) =>
      outcomeOf(input, () =>
        editMessage(chat, viewer, {
          clientMutationId: input.clientMutationId ?? null,
          messageId: keyOf('Message', input.messageId),
          text: input.text,
          generate: generateOf(input.generate),
        }),
      ),
  }),
)

const RegenerateMessageInput = builder.inputType('RegenerateMessageInput', {
  description: 'Another answer to the same prompt.',
  fields: (t) => ({
    clientMutationId: t.string({ description: clientMutationId }),
    messageId: t.id({ required: true, description: 'The answer that gets a sibling.' }),
    generate: t.field({ type: GenerateInput, description: 'How it is answered; null: by the same model.' }),
  }),
})

builder.mutationField('regenerateMessage', (t) =>
  t.field({
    type: SendMessagePayload,
    nullable: true,
    description:
      'New sibling answer for the same prompt, optionally with another model. The head moves there. Codes: NOT_FOUND, INVALID for a message that is no answer, QUOTA_EXCEEDED, MODEL_UNAVAILABLE.',
    args: { input: t.arg({ type: RegenerateMessageInput, required: true, description: 'Which answer.' }) },
    extensions: cost(50),
    resolve: (_root, { input }, { chat, viewer }) =>
      outcomeOf(input, () =>
        regenerateMessage(chat, viewer, {
          clientMutationId: input.clientMutationId ?? null,
          messageId: keyOf('Message', input.messageId),
          generate: generateOf(input.generate),
        }),
      ),
  }),
)
