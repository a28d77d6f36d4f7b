import type { ConversationEventRow, ViewerEventRow } from '../db/tables.ts'
import { toGlobalId } from '../ids.ts'
import type {
  ConversationItem,
  DeltaItem,
  DurableItem,
  HeartbeatItem,
  PartItem,
  ResyncItem,
  ViewerItem,
} from '../streams/items.ts'
import { builder } from './builder.ts'
import { PartKind, RemovalReason, ResyncReason } from './enums.ts'
import { MessagePart } from './message.ts'
import { ConversationRef, GenerationRef, MessageRef } from './refs.ts'

/** Whatever a stream yields. */
type StreamItem = ConversationItem | ViewerItem | AnyEventItem
type ConversationEventItem = DurableItem<ConversationEventRow>
type AnyEventItem = DurableItem<ConversationEventRow | ViewerEventRow>

const durableTypes = {
  MESSAGE_CHANGED: 'MessageChanged',
  GENERATION_CHANGED: 'GenerationChanged',
  GENERATION_FINISHED: 'GenerationFinished',
  CONVERSATION_CHANGED: 'ConversationChanged',
  CONVERSATION_REMOVED: 'ConversationRemoved',
} as const

const otherTypes = {
  delta: 'PartDelta',
  part: 'PartFinished',
  resync: 'ResyncRequired',
  heartbeat: 'Heartbeat',
} as const

function typeOf(item: StreamItem): string {
  return item.type === 'event' ? durableTypes[item.event.type] : otherTypes[item.type]
}

const StreamEvent = builder.interfaceRef<StreamItem>('StreamEvent').implement({
  description:
    'Every event is an idempotent upsert. `cursor` resumes just after it. Types that you do not know can be handled through this interface.',
  resolveType: typeOf,
  fields: (t) => ({
    cursor: t.field({
      type: 'Cursor',
      description: 'Send it back as `after` to go on just behind this event.',
      resolve: ({ cursor }) => cursor,
    }),
    seq: t.int({
      description: 'The last durable event; never decreases within a stream. Several deltas may share one.',
      resolve: ({ seq }) => seq,
    }),
    at: t.field({ type: 'DateTime', description: 'When it became true.', resolve: ({ at }) => at }),
  }),
})

export const GenerationEvent = builder.interfaceRef<ConversationItem>('GenerationEvent').implement({
  interfaces: [StreamEvent],
  description: 'What happens in one run.',
  resolveType: typeOf,
})
export const ConversationEvent = builder
  .interfaceRef<ConversationItem | AnyEventItem>('ConversationEvent')
  .implement({
    interfaces: [StreamEvent],
    description: 'What happens in one conversation.',
    resolveType: typeOf,
  })
export const ViewerEvent = builder.interfaceRef<ViewerItem | AnyEventItem>('ViewerEvent').implement({
  interfaces: [StreamEvent],
  description: 'What happens to what a viewer can see.',
  resolveType: typeOf,
})

/** Its objects look alike to everybody who sees them: they are written once for all. */
const shared = { extensions: { shared: true } }

builder.objectRef<DeltaItem>('PartDelta').implement({
  ...shared,
  interfaces: [StreamEvent, GenerationEvent, ConversationEvent],
  description:
    'Text for one part, written at `offset` (UTF-16 units, never inside a surrogate pair): safe to replay, safe for the server to merge for slow or late readers.',
  fields: (t) => ({
    generationId: t.id({
      description: 'The run that wrote it.',
      resolve: ({ generationId }) => toGlobalId('Generation', generationId),
    }),
    messageId: t.id({
      description: 'The message that it belongs to.',
      resolve: ({ messageId }) => toGlobalId('Message', messageId),
    }),
    partIndex: t.int({ description: 'The part of the message, from 0.', resolve: ({ part }) => part }),
    revision: t.exposeInt('revision', {
      description:
        'Counts up when text already sent must be rewritten: a lower one than held is ignored, a higher one replaces from `offset` on.',
    }),
    kind: t.expose('kind', { type: PartKind, description: 'What the text is.' }),
    offset: t.exposeInt('offset', {
      description: 'Where the text belongs, in UTF-16 units from the part’s beginning.',
    }),
    text: t.exposeString('text', { description: 'The text: at most 32 kB of UTF-8 at a time.' }),
  }),
})

builder.objectRef<PartItem>('PartFinished').implement({
  interfaces: [StreamEvent, GenerationEvent, ConversationEvent],
  description: 'A part is whole; nothing will be added to it.',
  fields: (t) => ({
    generationId: t.id({
      description: 'The run that wrote it.',
      resolve: ({ generationId }) => toGlobalId('Generation', generationId),
    }),
    messageId: t.id({
      description: 'The message that it belongs to.',
      resolve: ({ messageId }) => toGlobalId('Message', messageId),
    }),
    part: t.field({
      type: MessagePart,
      description: 'The whole part.',
      resolve: ({ part, content }) => ({ ...content, index: part }),
    }),
  }),
})

const GenerationChanged = builder.objectRef<ConversationEventItem>('GenerationChanged').implement({
  interfaces: [StreamEvent, GenerationEvent, ConversationEvent],
  description: 'A run was queued, began, or asks its provider once more.',
  fields: (t) => ({
    generation: t.field({
      type: GenerationRef,
      description: 'The run as it is now.',
      resolve: async ({ event }, _args, { loaders }) =>
        (await loaders.generation.load(event.generation_id!))!,
    }),
  }),
})

builder.objectRef<ConversationEventItem>('GenerationFinished').implement({
  interfaces: [StreamEvent, GenerationEvent, ConversationEvent],
  description: 'Terminal: carries the whole message and usage, so a client may ignore every delta.',
  fields: (t) => ({
    generation: t.field({
      type: GenerationRef,
      description: 'The run, with its message and usage.',
      resolve: async ({ event }, _args, { loaders }) =>
        (await loaders.generation.load(event.generation_id!))!,
    }),
  }),
})

const MessageChanged = builder.objectRef<ConversationEventItem>('MessageChanged').implement({
  interfaces: [StreamEvent, ConversationEvent],
  description: 'A message was added.',
  fields: (t) => ({
    message: t.field({
      type: MessageRef,
      description: 'The message.',
      resolve: async ({ event }, _args, { loaders }) => (await loaders.message.load(event.message_id!))!,
    }),
  }),
})

const ConversationChanged = builder.objectRef<AnyEventItem>('ConversationChanged').implement({
  interfaces: [StreamEvent, ConversationEvent, ViewerEvent],
  description: 'A conversation was made, or its title, head, settings or newest message changed.',
  fields: (t) => ({
    conversation: t.field({
      type: ConversationRef,
      description: 'The conversation as it is now.',
      resolve: async ({ event }, _args, { loaders }) =>
        (await loaders.conversation.load(event.conversation_id))!,
    }),
  }),
})

builder.objectRef<AnyEventItem>('ConversationRemoved').implement({
  interfaces: [StreamEvent, ConversationEvent, ViewerEvent],
  description: 'A conversation can’t be seen any more. Its own stream completes after this.',
  fields: (t) => ({
    conversationId: t.id({
      description: 'Which one.',
      resolve: ({ event }) => toGlobalId('Conversation', event.conversation_id),
    }),
    reason: t.field({ type: RemovalReason, description: 'Why.', resolve: () => 'DELETED' as const }),
  }),
})

builder.objectRef<ResyncItem>('ResyncRequired').implement({
  interfaces: [StreamEvent, GenerationEvent, ConversationEvent, ViewerEvent],
  description:
    'The cursor is unknown or too old, or the reader was too slow: read again; the stream goes on from `cursor`.',
  fields: (t) => ({ reason: t.expose('reason', { type: ResyncReason, description: 'Why.' }) }),
})

builder.objectRef<HeartbeatItem>('Heartbeat').implement({
  ...shared,
  interfaces: [StreamEvent, GenerationEvent, ConversationEvent, ViewerEvent],
  description: 'Nothing has happened for as long as `heartbeatSeconds` says; the stream lives.',
})

const changes = [GenerationChanged, MessageChanged, ConversationChanged] as (typeof ConversationChanged)[]
for (const type of changes) {
  builder.objectField(type, 'clientMutationId', (t) =>
    t.string({
      nullable: true,
      description: 'Of the viewer’s own mutation that caused it; null for everything else.',
      resolve: ({ event }, _args, { viewer }) =>
        !('viewer_id' in event) || event.viewer_id === viewer.id ? event.client_mutation_id : null,
    }),
  )
}
