import type { GraphQLResolveInfo } from 'graphql'
import { findConversations } from '../chat/access.ts'
import { findGenerations } from '../chat/generations.ts'
import type { ConversationEventRow, ViewerEventRow } from '../db/tables.ts'
import { RequestError } from '../errors.ts'
import type { ConversationScope } from '../streams/conversation-reader.ts'
import type { Position, StreamName } from '../streams/cursor.ts'
import { viewerSeqs } from '../streams/events.ts'
import { type FollowOptions, followConversation, followViewer } from '../streams/follow.ts'
import type { ConversationItem, DurableItem, ViewerItem } from '../streams/items.ts'
import { type Start, startOf } from '../streams/start.ts'
import { builder } from './builder.ts'
import { beginRead, type GraphContext, selects } from './context.ts'
import { ConversationEvent, GenerationEvent, ViewerEvent } from './events.ts'
import { keyOf } from './ids.ts'

const after = 'Go on just behind this cursor'
const heartbeatSeconds = 'A Heartbeat after so many seconds without an event, from 1 to 3600; null: none.'
const minIntervalMs =
  'Rest so many milliseconds between two rounds of events, from 0 to 60000, for slow devices.'

const beginningOf = (seq: number): Position => ({ seq, places: new Map() })

builder.subscriptionField('generationEvents', (t) =>
  t.field({
    type: GenerationEvent,
    description:
      'One run, from `after` (default: its beginning, whether queued, streaming or long finished). Completes after GenerationFinished.',
    args: {
      generationId: t.arg.id({ required: true, description: 'Which run.' }),
      after: t.arg({ type: 'Cursor', description: `${after}; null: from the run’s beginning.` }),
      minIntervalMs: t.arg.int({ defaultValue: 0, description: minIntervalMs }),
      heartbeatSeconds: t.arg.int({ description: heartbeatSeconds }),
    },
    subscribe: async (_root, args, context, info) => {
      const { chat, viewer } = context
      const options = optionsOf(args)
      const id = keyOf('Generation', args.generationId)
      const [generation] = await findGenerations(chat.db, viewer, [id])
      if (!generation) throw new RequestError('NOT_FOUND', 'Cannot follow: there is no such generation')
      const [conversation] = await findConversations(chat.db, viewer, [generation.conversation_id])
      const extent = { last: conversation?.last_seq ?? 0, dropped: 0 }
      const start = startOf(
        streamOf(context, 'generation', id),
        cursorOf(args, context),
        extent,
        beginningOf(0),
      )
      const scope = { conversationId: generation.conversation_id, generationId: id }
      return conversationItems(context, info, scope, start, options)
    },
    resolve: (item: ConversationItem) => item,
  }),
)

builder.subscriptionField('conversationEvents', (t) =>
  t.field({
    type: ConversationEvent,
    description:
      'Everything in one conversation incl. deltas of all its runs; for chat pages, other tabs and collaborators. Does not complete, but after the conversation’s removal.',
    args: {
      conversationId: t.arg.id({ required: true, description: 'Which conversation.' }),
      after: t.arg({
        type: 'Cursor',
        description: `${after}; null: from now, with the whole text of the runs under way.`,
      }),
      fromStart: t.arg.boolean({
        defaultValue: false,
        description: 'Without `after`: replay the conversation’s whole life.',
      }),
      deltas: t.arg.boolean({ defaultValue: true, description: 'False: only durable events, no text.' }),
      minIntervalMs: t.arg.int({ defaultValue: 0, description: minIntervalMs }),
      heartbeatSeconds: t.arg.int({ description: heartbeatSeconds }),
    },
    subscribe: async (_root, args, context, info) => {
      const { chat, viewer } = context
      const options = optionsOf(args)
      const id = keyOf('Conversation', args.conversationId)
      const [conversation] = await findConversations(chat.db, viewer, [id])
      if (!conversation) throw new RequestError('NOT_FOUND', 'Cannot follow: there is no such conversation')
      const extent = { last: conversation.last_seq, dropped: 0 }
      const now = beginningOf(args.fromStart ? 0 : conversation.last_seq)
      const start = startOf(streamOf(context, 'conversation', id), cursorOf(args, context), extent, now)
      const scope = { conversationId: id, generationId: null }
      return conversationItems(context, info, scope, start, { ...options, deltas: args.deltas ?? true })
    },
    resolve: (item: ConversationItem) => item,
  }),
)

builder.subscriptionField('viewerEvents', (t) =>
  t.field({
    type: ViewerEvent,
    description:
      'What happens to the viewer’s list of conversations. Events are kept for 30 days. Does not complete.',
    args: {
      after: t.arg({ type: 'Cursor', description: `${after}; null: from now.` }),
      heartbeatSeconds: t.arg.int({ description: heartbeatSeconds }),
    },
    subscribe: async (_root, args, context, info) => {
      const { chat, viewer } = context
      const options = optionsOf(args)
      const extent = await viewerSeqs(chat.db, viewer.id)
      const stream = streamOf(context, 'viewer', viewer.id)
      const start = startOf(stream, cursorOf(args, context), extent, beginningOf(extent.last))
      const follow = { ...options, resync: start.resync }
      return asEvents(
        followViewer(chat.streams, viewer.id, start.from, context.signal, follow),
        context,
        info,
      )
    },
    resolve: (item: ViewerItem) => item,
  }),
)

function conversationItems(
  context: GraphContext,
  info: GraphQLResolveInfo,
  scope: ConversationScope,
  { from, resync }: Start,
  options: FollowOptions,
): AsyncGenerator<ConversationItem, void, void> {
  const { streams } = context.chat
  const items = followConversation(streams, scope, from, context.signal, { ...options, resync })
  return asEvents(items, context, info)
}

/**
 * Begins a new read before events that were read together: what earlier ones loaded is old by now. An event of a
 * conversation that can't be seen any more is left out: its removal follows.
 */
async function* asEvents<Item extends ConversationItem | ViewerItem>(
  items: AsyncIterable<Item>,
  context: GraphContext,
  info: GraphQLResolveInfo,
): AsyncGenerator<Item, void, void> {
  for await (const item of items) {
    if (item.type === 'event' && !(await isSeen(item, context, info))) continue
    yield item
  }
}

async function isSeen(
  { event, first }: DurableItem<ConversationEventRow | ViewerEventRow>,
  context: GraphContext,
  info: GraphQLResolveInfo,
): Promise<boolean> {
  if (first) await beginRead(context, info)
  return event.type === 'CONVERSATION_REMOVED' || isLoaded(event, context, info)
}

/**
 * Loads everything that an event names, as far as the operation selects it, before any of it is given: a deletion may
 * come between two loads.
 */
async function isLoaded(
  event: ConversationEventRow | ViewerEventRow,
  { loaders }: GraphContext,
  info: GraphQLResolveInfo,
): Promise<boolean> {
  const named: Promise<unknown>[] = [loaders.conversation.load(event.conversation_id)]
  if ('message_id' in event && event.message_id && selects(info, 'message'))
    named.push(loaders.message.load(event.message_id))
  if ('generation_id' in event && event.generation_id && selects(info, 'generation'))
    named.push(loaders.generation.load(event.generation_id))
  return (await Promise.all(named)).every((row) => row !== null)
}

function streamOf({ chat }: GraphContext, kind: StreamName['kind'], id: string): StreamName {
  return { kind, id, incarnation: chat.streams.incarnation }
}

/** A reader that comes back over SSE repeats its first request, and says in a header how far it has come since. */
function cursorOf(args: { after?: string | null | undefined }, { lastEventId }: GraphContext): string | null {
  return lastEventId ?? args.after ?? null
}

type PaceArgs = { minIntervalMs?: number | null | undefined; heartbeatSeconds?: number | null | undefined }

function optionsOf(args: PaceArgs): FollowOptions {
  const minInterval = args.minIntervalMs ?? 0
  const heartbeat = args.heartbeatSeconds ?? null
  requireRange('minIntervalMs', minInterval, 0, 60_000)
  if (heartbeat !== null) requireRange('heartbeatSeconds', heartbeat, 1, 3_600)
  return { minInterval, heartbeat: heartbeat === null ? null : heartbeat * 1000 }
}

function requireRange(name: string, value: number, low: number, high: number): void {
  if (value >= low && value <= high) return
  throw new RequestError(
    'BAD_USER_INPUT',
    `Cannot follow: \`${name}\` is ${value}, it takes ${low} to ${high}`,
  )
}
