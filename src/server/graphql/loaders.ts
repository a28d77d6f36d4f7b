import DataLoader from 'dataloader'
import type { Viewer } from '../auth/viewer.ts'
import { type Conversation, findConversations } from '../chat/access.ts'
import type { Chat } from '../chat/chat.ts'
import { findActive, findGenerations, findGenerationsOf, type Generation } from '../chat/generations.ts'
import { findChildren, findMessages, findParents, findSiblings, type Message } from '../chat/messages.ts'
import { findPositions } from '../chat/queue.ts'
import { findUsage, type Usage } from '../chat/usage.ts'
import { findViewers } from '../chat/viewers.ts'
import type { Db } from '../db/connect.ts'
import type { ViewerRow } from '../db/tables.ts'
import type { ConversationId, GenerationId, MessageId, ViewerId } from '../ids.ts'
import type { Position } from '../streams/cursor.ts'
import { conversationPositions, runPositions, viewerPositions, type Watermark } from '../streams/watermark.ts'

/** How the database is asked: once, or until it answers. */
export type Ask = <T>(work: () => Promise<T>) => Promise<T>

/** What a read is made with. */
export type ReadOf = {
  readonly chat: Chat
  readonly viewer: Viewer
  readonly watermark: () => Promise<Watermark>
  readonly ask: Ask
}

/** One read's rows: each is asked for once, together with the others of its kind. What is not visible is null. */
export type Loaders = { readonly [Name in keyof typeof kinds]: ReturnType<(typeof kinds)[Name]> }

/** Each loader is made when it is asked for: an operation needs some of them, and a subscription that idles none. */
export function createLoaders(read: ReadOf): Loaders {
  return new LazyLoaders(read) as unknown as Loaders
}

const kinds = {
  conversation: named('conversation', findConversations, (row: Conversation) => row.id),
  message: named('message', findMessages, (row: Message) => row.id),
  generation: named('generation', findGenerations, (row: Generation) => row.id),
  generationOf: byKey<MessageId, Generation>(
    ({ chat, viewer }, ids) => findGenerationsOf(chat.db, viewer, ids),
    (row) => row.message_id,
  ),
  queuePosition: inMap<GenerationId, number>(({ chat }, ids) => findPositions(chat.db, ids)),
  usage: inMap<ConversationId, Usage>(({ chat, viewer }, ids) => findUsage(chat.db, viewer, ids)),
  active: inMap<ConversationId, Generation[]>(({ chat, viewer }, ids) => findActive(chat.db, viewer, ids)),
  viewer: byKey<ViewerId, ViewerRow>(
    ({ chat, viewer }, ids) => findViewers(chat.db, viewer, ids),
    (row) => row.id,
  ),
  parents: inMap<MessageId, MessageId[]>(({ chat }, ids) => findParents(chat.db, ids)),
  children: inMap<MessageId, MessageId[]>(({ chat }, ids) => findChildren(chat.db, ids)),
  siblings: inMap<MessageId, MessageId[]>(({ chat }, ids) => findSiblings(chat.db, ids)),
  conversationPosition: inMap<ConversationId, Position>(async ({ chat, watermark }, ids) =>
    conversationPositions(chat.db, ids, await watermark()),
  ),
  runPosition: inMap<GenerationId, Position>(async ({ chat, watermark }, ids) =>
    runPositions(chat.db, ids, await watermark()),
  ),
  viewerPosition: inMap<ViewerId, Position>(async ({ chat, watermark }, ids) =>
    viewerPositions(chat.db, ids, await watermark()),
  ),
}

class LazyLoaders {
  readonly read: ReadOf

  constructor(read: ReadOf) {
    this.read = read
  }
}

for (const [name, make] of Object.entries(kinds)) {
  Object.defineProperty(LazyLoaders.prototype, name, {
    get(this: LazyLoaders) {
      const value: unknown = make(this.read)
      Object.defineProperty(this, name, { value })
      return value
    },
  })
}

/** How rows are found of which an event names one: all subscriptions of a viewer to it ask for that at once. */
function named<Key extends string, Row>(
  kind: string,
  find: (db: Db, viewer: Viewer, keys: readonly Key[]) => Promise<Row[]>,
  keyOf: (row: Row) => Key,
) {
  const findShared = ({ chat, viewer }: ReadOf, keys: readonly Key[]) =>
    chat.streams.reads.once(`${kind} ${viewer.id} ${keys.join()}`, () => find(chat.db, viewer, keys))
  return byKey(findShared, keyOf)
}

function byKey<Key, Row>(
  find: (read: ReadOf, keys: readonly Key[]) => Promise<readonly Row[]>,
  keyOf: (row: Row) => Key,
) {
  return inMap<Key, Row>(
    async (read, keys) => new Map((await find(read, keys)).map((row) => [keyOf(row), row])),
  )
}

function inMap<Key, Value>(
  find: (read: ReadOf, keys: readonly Key[]) => Promise<ReadonlyMap<Key, Value>>,
): (read: ReadOf) => DataLoader<Key, Value | null> {
  return (read) =>
    new DataLoader(async (keys) => {
      const found = await read.ask(() => find(read, keys))
      return keys.map((key) => found.get(key) ?? null)
    })
}
