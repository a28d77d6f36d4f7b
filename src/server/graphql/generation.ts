import { continueGeneration } from '../chat/continue-generation.ts'
import { cancelGeneration } from '../chat/end-generation.ts'
import { type Generation, generateResponse } from '../chat/generations.ts'
import type { GenerationId } from '../ids.ts'
import { encodeCursor } from '../streams/cursor.ts'
import { builder, cost } from './builder.ts'
import { FinishReason, GenerationFailureCode, GenerationStatus } from './enums.ts'
import { GenerateInput, generateOf } from './generate-input.ts'
import { keyOf, optionalKeyOf } from './ids.ts'
import { SendMessagePayload } from './message.ts'
import { modelOf } from './model.ts'
import { ConversationRef, GenerationRef, MessageRef, ModelRef } from './refs.ts'
import { UsageRef, usageOf } from './usage.ts'
import { clientMutationId, entity, outcomeOf, payloadRef } from './user-errors.ts'

const GenerationFailure = builder.objectRef<Generation>('GenerationFailure').implement({
  description: 'Why a run did not come to its end.',
  fields: (t) => ({
    code: t.field({
      type: GenerationFailureCode,
      description: 'Stable, for programs.',
      resolve: ({ failure_code }) => failure_code ?? 'INTERNAL',
    }),
    message: t.string({
      description: 'One sentence, for people; may change.',
      resolve: ({ failure_message }) => failure_message ?? '',
    }),
    retryable: t.boolean({
      description: 'Whether the same may succeed later.',
      resolve: ({ failure_retryable }) => failure_retryable ?? false,
    }),
    retryAt: t.expose('failure_retry_at', {
      type: 'DateTime',
      nullable: true,
      description: 'Not before; null: the provider did not say.',
    }),
  }),
})

builder.node(GenerationRef, {
  description:
    'One model run producing one assistant message. It belongs to the server: no connection holds or ends it.',
  id: { resolve: ({ id }) => id, description: 'Opaque, URL-safe, the same for ever.' },
  fields: (t) => ({
    status: t.expose('status', { type: GenerationStatus, description: 'How far it has come.' }),
    queuePosition: t.int({
      nullable: true,
      description:
        'Its place among all runs that wait, 1: it is next; null unless QUEUED. Viewers take turns, so that it can also grow. No event tells of its changes: ask again while it matters.',
      resolve: ({ id, status }, _args, { loaders }) =>
        status === 'QUEUED' ? loaders.queuePosition.load(id) : null,
    }),
    conversation: t.field({
      type: ConversationRef,
      description: 'Where it runs.',
      resolve: async ({ conversation_id }, _args, { loaders }) =>
        (await loaders.conversation.load(conversation_id))!,
    }),
    message: t.field({
      type: MessageRef,
      description: 'The message that it writes.',
      resolve: async ({ message_id }, _args, { loaders }) => (await loaders.message.load(message_id))!,
    }),
    model: t.field({
      type: ModelRef,
      nullable: true,
      description: 'The model that runs.',
      resolve: ({ model }, _args, context) => modelOf(context, model),
    }),
    attempt: t.exposeInt('attempt', { description: 'Provider attempts inside this generation, from 1.' }),
    queuedAt: t.expose('queued_at', { type: 'DateTime', description: 'When it was asked for.' }),
    startedAt: t.expose('started_at', {
      type: 'DateTime',
      nullable: true,
      description: 'When it began to run; null: it has not.',
    }),
    finishedAt: t.expose('finished_at', {
      type: 'DateTime',
      nullable: true,
      description: 'When it ended; null: it has not.',
    }),
    finishReason: t.expose('finish_reason', {
      type: FinishReason,
      nullable: true,
      description: 'Why its text ended; null while it runs.',
    }),
    failure: t.field({
      type: GenerationFailure,
      nullable: true,
      description: 'What went wrong; null where nothing did.',
      resolve: (generation) => (generation.failure_code ? generation : null),
    }),
    usage: t.field({
      type: UsageRef,
      nullable: true,
      description: 'What it used; null while it runs.',
      resolve: (generation) => usageOf(generation),
    }),
    timeToFirstTokenMs: t.int({
      nullable: true,
      description: 'Milliseconds from its start to its first text; null: there is none yet.',
      resolve: ({ started_at, first_token_at }) =>
        started_at && first_token_at ? Math.max(0, first_token_at.getTime() - started_at.getTime()) : null,
    }),
    eventsCursor: t.field({
      type: 'Cursor',
      description:
        'Watermark of `generationEvents` consistent with this read: query first, then subscribe with it.',
      resolve: async ({ id }, _args, context) => {
        const position = await context.loaders.runPosition.load(id)
        const stream = { kind: 'generation', id, incarnation: context.chat.streams.incarnation } as const
        return encodeCursor(stream, position ?? { seq: 0, places: new Map() })
      },
    }),
  }),
})

builder.queryField('generation', (t) =>
  t.field({
    type: GenerationRef,
    nullable: true,
    description: 'A generation by id; null when there is none that the viewer may see.',
    args: { id: t.arg.id({ required: true, description: 'Its id.' }) },
    resolve: (_root, { id }, { loaders }) => loaders.generation.load(keyOf('Generation', id)),
  }),
)

const GenerationPayload = payloadRef('GenerationPayload', 'What was done with a generation.')
builder.objectFields(GenerationPayload, (t) => ({
  generation: t.field({
    type: GenerationRef,
    nullable: true,
    description: 'The generation as it is now; null on failure.',
    resolve: entity('generation', ({ loaders }, id) => loaders.generation.load(id as GenerationId)),
  }),
}))

const GenerateResponseInput = builder.inputType('GenerateResponseInput', {
  description: 'What is to be answered, and how.',
  fields: (t) => ({
    clientMutationId: t.string({ description: clientMutationId }),
    conversationId: t.id({ required: true, description: 'In which conversation.' }),
    parentId: t.id({ description: 'The person’s message that is answered; null: the viewer’s head.' }),
    generate: t.field({ type: GenerateInput, required: true, description: 'How it is answered.' }),
  }),
})

builder.mutationField('generateResponse', (t) =>
  t.field({
    type: GenerationPayload,
    nullable: true,
    description:
      'Starts a generation that answers `parentId` (default: the head). Called twice on one parent it makes two siblings. Codes: NOT_FOUND, INVALID, CONFLICT, QUOTA_EXCEEDED, MODEL_UNAVAILABLE.',
    args: {
      input: t.arg({ type: GenerateResponseInput, required: true, description: 'What is to be answered.' }),
    },
    extensions: cost(50),
    resolve: (_root, { input }, { chat, viewer }) =>
      outcomeOf(input, () =>
        generateResponse(chat, viewer, {
          clientMutationId: input.clientMutationId ?? null,
          conversationId: keyOf('Conversation', input.conversationId),
          parentId: optionalKeyOf('Message', input.parentId),
          generate: generateOf(input.generate) ?? {},
        }),
      ),
  }),
)

const ContinueGenerationInput = builder.inputType('ContinueGenerationInput', {
  description: 'An answer that was cut.',
  fields: (t) => ({
    clientMutationId: t.string({ description: clientMutationId }),
    generationId: t.id({ required: true, description: 'The run that wrote it.' }),
    generate: t.field({
      type: GenerateInput,
      description:
        'How it goes on; null: by the same model with the same parameters. Without a `modelId`: by the same model.',
    }),
  }),
})

builder.mutationField('continueGeneration', (t) =>
  t.field({
    type: SendMessagePayload,
    nullable: true,
    description:
      'Goes on with an answer that was cut: one that is INTERRUPTED or CANCELED and has text, or ended with LENGTH or PAUSE. A user turn with `isContinuation` is added under it, and a generation that answers; the head moves there. Called twice on one answer it makes two branches. Codes: NOT_FOUND, CONFLICT while it is being written, INVALID where there is nothing to go on with, QUOTA_EXCEEDED, MODEL_UNAVAILABLE.',
    args: { input: t.arg({ type: ContinueGenerationInput, required: true, description: 'Which answer.' }) },
    extensions: cost(50),
    resolve: (_root, { input }, { chat, viewer }) =>
      outcomeOf(input, () =>
        continueGeneration(chat, viewer, {
          clientMutationId: input.clientMutationId ?? null,
          generationId: keyOf('Generation', input.generationId),
          generate: generateOf(input.generate),
        }),
      ),
  }),
)

const CancelGenerationInput = builder.inputType('CancelGenerationInput', {
  description: 'A run to stop.',
  fields: (t) => ({
    clientMutationId: t.string({ description: clientMutationId }),
    generationId: t.id({ required: true, description: 'Which one.' }),
  }),
})

builder.mutationField('cancelGeneration', (t) =>
  t.field({
    type: GenerationPayload,
    nullable: true,
    description:
      'Stops a run at once, wherever it runs. Idempotent; keeps the partial text; ALREADY_FINISHED is returned as a user error when it had come to another end. Codes: NOT_FOUND, ALREADY_FINISHED.',
    args: { input: t.arg({ type: CancelGenerationInput, required: true, description: 'Which one.' }) },
    resolve: (_root, { input }, { chat, viewer }) =>
      outcomeOf(input, () =>
        cancelGeneration(chat, viewer, {
          clientMutationId: input.clientMutationId ?? null,
          generationId: keyOf('Generation', input.generationId),
        }),
      ),
  }),
)
