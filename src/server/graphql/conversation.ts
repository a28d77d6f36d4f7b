import {
  createConversation,
  deleteConversation,
  untitled,
  updateConversation,
} from '../chat/conversations.ts'
import { setHead } from '../chat/heads.ts'
import { listBranches, listMessages, readThread } from '../chat/messages.ts'
import { noUsage } from '../chat/usage.ts'
import type { RecoveryPolicy as RecoveryPolicyName } from '../db/tables.ts'
import { type ConversationId, toGlobalId } from '../ids.ts'
import { encodeCursor } from '../streams/cursor.ts'
import { builder, cost } from './builder.ts'
import type { GraphContext } from './context.ts'
import { RecoveryPolicy } from './enums.ts'
import { keyOf, optionalKeyOf } from './ids.ts'
import { modelOf } from './model.ts'
import { forwardArgs, pageArgs, toConnection } from './pages.ts'
import { ConversationRef, GenerationRef, MessageConnection, MessageRef, ModelRef, UserRef } from './refs.ts'
import { UsageRef } from './usage.ts'
import { clientMutationId, entity, outcomeOf, payloadRef } from './user-errors.ts'

const ConversationPermissions = builder.objectRef<object>('ConversationPermissions').implement({
  description: 'What the viewer may do with a conversation.',
  fields: (t) => ({
    canRead: t.boolean({ description: 'Read it and follow it.', resolve: () => true }),
    canWrite: t.boolean({ description: 'Send messages and start answers.', resolve: () => true }),
    canShare: t.boolean({ description: 'Give others access.', resolve: () => true }),
    canAdmin: t.boolean({ description: 'Rename, archive and delete it.', resolve: () => true }),
  }),
})

builder.node(ConversationRef, {
  description: 'A graph of messages: it only grows, and every edit or new answer is a branch.',
  id: { resolve: ({ id }) => id, description: 'Opaque, URL-safe, the same for ever.' },
  fields: (t) => ({
    title: t.string({
      description: 'As given, else the first 60 characters of the first message.',
      resolve: ({ title }) => title ?? untitled,
    }),
    createdAt: t.expose('created_at', { type: 'DateTime', description: 'When it was made.' }),
    updatedAt: t.expose('updated_at', {
      type: 'DateTime',
      description: 'When something was last said or changed.',
    }),
    starred: t.exposeBoolean('starred', { description: 'Whether the viewer has starred it.' }),
    archivedAt: t.expose('archived_at', {
      type: 'DateTime',
      nullable: true,
      description: 'When it was put away; null: it is not.',
    }),
    deletedAt: t.expose('deleted_at', {
      type: 'DateTime',
      nullable: true,
      description: 'When it was deleted; null: it is not.',
    }),
    messageCount: t.exposeInt('message_count', {
      description: 'Messages in the whole graph, every branch counted.',
    }),
    lastMessagePreview: t.exposeString('preview', {
      nullable: true,
      description: 'Start of the newest message, plain text, at most 200 characters.',
    }),
    owner: t.field({
      type: UserRef,
      nullable: true,
      description: 'Whose it is.',
      resolve: ({ owner_id }, _args, { loaders }) => loaders.viewer.load(owner_id),
    }),
    permissions: t.field({
      type: ConversationPermissions,
      description: 'What the viewer may do with it.',
      resolve: () => ({}),
    }),
    defaultModel: t.field({
      type: ModelRef,
      nullable: true,
      description: 'Answers when a generation names no model; null: the server’s.',
      resolve: ({ default_model }, _args, context) => modelOf(context, default_model),
    }),
    systemPrompt: t.exposeString('system_prompt', {
      nullable: true,
      description: 'Instructions that every model gets first; null: none.',
    }),
    recovery: t.expose('recovery', {
      type: RecoveryPolicy,
      nullable: true,
      description:
        'What becomes of an answer whose process of the server died; null: what `serverInfo` says.',
    }),
    head: t.field({
      type: MessageRef,
      nullable: true,
      description:
        'Leaf of the branch that the viewer is on; kept on the server, per viewer. A send from this viewer moves it; a stale send does not.',
      resolve: ({ head_id }, _args, { loaders }) => head_id && loaders.message.load(head_id),
    }),
    branches: t.field({
      type: MessageConnection,
      description: 'Leaves of the graph, newest first: one per branch.',
      args: forwardArgs(t, 50),
      extensions: cost(1, 'first'),
      resolve: async (conversation, args, { chat }) =>
        toConnection(await listBranches(chat.db, conversation, args)),
    }),
    thread: t.field({
      type: MessageConnection,
      description:
        'Root-to-leaf path ending at `leafId` (default: the head), along first parents. Neither `first` nor `last`: the last 50. A cursor belongs to its leaf, even when the head has moved since.',
      args: { leafId: t.arg.id({ description: 'Where the path ends; null: at the head.' }), ...pageArgs(t) },
      // Neither size: its last 50.
      extensions: { cost: { ...cost(1, 'first', 'last').cost, assumedItems: 50 } },
      resolve: async (conversation, { leafId, ...args }, { chat }) =>
        toConnection(await readThread(chat.db, conversation, optionalKeyOf('Message', leafId), args)),
    }),
    messages: t.field({
      type: MessageConnection,
      description: 'Every message of the graph in the order of creation.',
      args: pageArgs(t),
      extensions: cost(1, 'first', 'last'),
      resolve: async (conversation, args, { chat }) =>
        toConnection(await listMessages(chat.db, conversation, args)),
    }),
    activeGenerations: t.field({
      type: [GenerationRef],
      description: 'Runs that have not ended, oldest first.',
      extensions: cost(16),
      resolve: async ({ id }, _args, { loaders }) => (await loaders.active.load(id)) ?? [],
    }),
    usage: t.field({
      type: UsageRef,
      description: 'What its runs have used together, every branch counted.',
      resolve: async ({ id }, _args, { loaders }) => (await loaders.usage.load(id)) ?? noUsage,
    }),
    eventsCursor: t.field({
      type: 'Cursor',
      description:
        'Watermark of `conversationEvents` consistent with this read: query first, then subscribe with it, and nothing falls between.',
      resolve: async ({ id }, _args, context) => {
        const position = await context.loaders.conversationPosition.load(id)
        const stream = { kind: 'conversation', id, incarnation: context.chat.streams.incarnation } as const
        return encodeCursor(stream, position ?? { seq: 0, places: new Map() })
      },
    }),
  }),
})

builder.queryField('conversation', (t) =>
  t.field({
    type: ConversationRef,
    nullable: true,
    description: 'A conversation by id; null when there is none that the viewer may see.',
    args: { id: t.arg.id({ required: true, description: 'Its id.' }) },
    resolve: (_root, { id }, { loaders }) => loaders.conversation.load(keyOf('Conversation', id)),
  }),
)

export const loadConversation = ({ loaders }: GraphContext, id: string) =>
  loaders.conversation.load(id as ConversationId)

const CreateConversationInput = builder.inputType('CreateConversationInput', {
  description: 'A new conversation.',
  fields: (t) => ({
    clientMutationId: t.string({ description: clientMutationId }),
    title: t.string({
      description: 'At most 200 UTF-16 units; null: the first message lends its beginning.',
    }),
    systemPrompt: t.string({ description: 'Instructions that every model gets first.' }),
    defaultModelId: t.id({ description: 'Model that answers when none is named: its name or id.' }),
    recovery: t.field({
      type: RecoveryPolicy,
      description: 'What becomes of an answer whose process of the server died; null: as the server is set.',
    }),
  }),
})

const CreateConversationPayload = payloadRef('CreateConversationPayload', 'What `createConversation` did.')
builder.objectFields(CreateConversationPayload, (t) => ({
  conversation: t.field({
    type: ConversationRef,
    nullable: true,
    description: 'The new conversation; null on failure.',
    resolve: entity('conversation', loadConversation),
  }),
}))

builder.mutationField('createConversation', (t) =>
  t.field({
    type: CreateConversationPayload,
    nullable: true,
    description: 'Makes an empty conversation. Codes: INVALID.',
    args: {
      input: t.arg({ type: CreateConversationInput, required: true, description: 'What it is to be.' }),
    },
    resolve: (_root, { input }, { chat, viewer }) =>
      outcomeOf(input, () => createConversation(chat, viewer, settingsOf(input))),
  }),
)

type SettingsInput = {
  clientMutationId?: string | null | undefined
  title?: string | null | undefined
  systemPrompt?: string | null | undefined
  defaultModelId?: string | null | undefined
  recovery?: RecoveryPolicyName | null | undefined
}

function settingsOf(input: SettingsInput) {
  return {
    clientMutationId: input.clientMutationId ?? null,
    title: input.title ?? null,
    systemPrompt: input.systemPrompt ?? null,
    defaultModelId: input.defaultModelId ?? null,
    recovery: input.recovery ?? null,
  }
}

const UpdateConversationInput = builder.inputType('UpdateConversationInput', {
  description: 'Changes to a conversation; what is null stays as it is.',
  fields: (t) => ({
    clientMutationId: t.string({ description: clientMutationId }),
    conversationId: t.id({ required: true, description: 'Which one.' }),
    title: t.string({ description: 'At most 200 UTF-16 units.' }),
    systemPrompt: t.string({
      description: 'Instructions that every model gets first; an empty text takes them away.',
    }),
    defaultModelId: t.id({ description: 'Model that answers when none is named: its name or id.' }),
    recovery: t.field({
      type: RecoveryPolicy,
      description: 'What becomes of an answer whose process of the server died.',
    }),
    archived: t.boolean({ description: 'Put it away, or take it back.' }),
    starred: t.boolean({ description: 'Star it for this viewer, or not.' }),
  }),
})

const UpdateConversationPayload = payloadRef('UpdateConversationPayload', 'What `updateConversation` did.')
builder.objectFields(UpdateConversationPayload, (t) => ({
  conversation: t.field({
    type: ConversationRef,
    nullable: true,
    description: 'The conversation as it is now; null on failure.',
    resolve: entity('conversation', loadConversation),
  }),
}))

builder.mutationField('updateConversation', (t) =>
  t.field({
    type: UpdateConversationPayload,
    nullable: true,
    description: 'Changes what is given. Codes: NOT_FOUND, INVALID.',
    args: { input: t.arg({ type: UpdateConversationInput, required: true, description: 'The changes.' }) },
    resolve: (_root, { input }, { chat, viewer }) =>
      outcomeOf(input, () =>
        updateConversation(chat, viewer, {
          ...settingsOf(input),
          conversationId: keyOf('Conversation', input.conversationId),
          archived: input.archived ?? null,
          starred: input.starred ?? null,
        }),
      ),
  }),
)

const DeleteConversationInput = builder.inputType('DeleteConversationInput', {
  description: 'A conversation to delete.',
  fields: (t) => ({
    clientMutationId: t.string({ description: clientMutationId }),
    conversationId: t.id({ required: true, description: 'Which one.' }),
  }),
})

const DeleteConversationPayload = payloadRef('DeleteConversationPayload', 'What `deleteConversation` did.')
builder.objectFields(DeleteConversationPayload, (t) => ({
  deletedConversationId: t.id({
    nullable: true,
    description: 'Id of what is gone; null on failure.',
    resolve: ({ ids }) =>
      ids.deletedConversation ? toGlobalId('Conversation', ids.deletedConversation) : null,
  }),
}))

builder.mutationField('deleteConversation', (t) =>
  t.field({
    type: DeleteConversationPayload,
    nullable: true,
    description: 'Takes a conversation out of everybody’s sight and cancels its runs. Codes: NOT_FOUND.',
    args: { input: t.arg({ type: DeleteConversationInput, required: true, description: 'Which one.' }) },
    resolve: (_root, { input }, { chat, viewer }) =>
      outcomeOf(input, () =>
        deleteConversation(chat, viewer, {
          clientMutationId: input.clientMutationId ?? null,
          conversationId: keyOf('Conversation', input.conversationId),
        }),
      ),
  }),
)

const SetHeadInput = builder.inputType('SetHeadInput', {
  description: 'Where the viewer’s head goes.',
  fields: (t) => ({
    clientMutationId: t.string({ description: clientMutationId }),
    conversationId: t.id({ required: true, description: 'In which conversation.' }),
    leafId: t.id({ required: true, description: 'The message that the head is put on.' }),
    expectedHeadId: t.id({ description: 'Do nothing unless the head is here; null: wherever it is.' }),
  }),
})

const SetHeadPayload = payloadRef('SetHeadPayload', 'What `setHead` did.')
builder.objectFields(SetHeadPayload, (t) => ({
  conversation: t.field({
    type: ConversationRef,
    nullable: true,
    description: 'The conversation with its new head; null on failure.',
    resolve: entity('conversation', loadConversation),
  }),
}))

builder.mutationField('setHead', (t) =>
  t.field({
    type: SetHeadPayload,
    nullable: true,
    description:
      'Switches the branch that the viewer is on. Codes: NOT_FOUND, and CONFLICT as a HeadConflictError.',
    args: { input: t.arg({ type: SetHeadInput, required: true, description: 'Where to.' }) },
    resolve: (_root, { input }, { chat, viewer }) =>
      outcomeOf(input, () =>
        setHead(chat, viewer, {
          clientMutationId: input.clientMutationId ?? null,
          conversationId: keyOf('Conversation', input.conversationId),
          leafId: keyOf('Message', input.leafId),
          expectedHeadId: optionalKeyOf('Message', input.expectedHeadId),
        }),
      ),
  }),
)
