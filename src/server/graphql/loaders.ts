import DataLoader from 'dataloader'
import type { Viewer } from '../auth/viewer.ts'
import { type Conversation, findConversations } from '../chat/access.ts'
import type { Chat } from '../chat/chat.ts'
import {
  findActive,
  findGenerations,
  findGenerationsOf,
  findUsage,
  type Generation,
  type Usage,
} from '../chat/generations.ts'
import { findChildren, findMessages, findParents, findSiblings, type Message } from '../chat/messages.ts'
import { findPositions } from '../chat/queue.ts'
import { findViewers } from '../chat/viewers.ts'
import type { Db } from '../db/connect.ts'
import type { ViewerRow } from '../db/tables.ts'
import type { ConversationId, GenerationId, MessageId, ViewerId } from '../ids.ts'
import type { Position } from '../streams/cursor.ts'
import { conversationPositions, runPositions, viewerPositions, type Watermark } from '../streams/watermark.ts'

/** How the database is asked: once, or until it answers. */
export type Ask = <T>(work: () => Promise<T>) => Promise<T>

/** One read's rows: each is asked for once, together with the others of its kind. What is not visible is null. */
export type Loaders = ReturnType<typeof createLoaders>

export function createLoaders(chat: Chat, viewer: Viewer, watermark: () => Promise<Watermark>, ask: Ask) {
  const { db, streams } = chat
  const { byKey, inMap } = loadersThat(ask)
  /** What an event names, which every subscription of a viewer to it asks for at once. */
  const named =
    <Id, Row>(kind: string, find: (db: Db, viewer: Viewer, ids: readonly Id[]) => Promise<Row[]>) =>
    (ids: readonly Id[]) =>
      streams.reads.once(`${kind} ${viewer.id} ${ids}`, () => find(db, viewer, ids))
  return {
    conversation: byKey<ConversationId, Conversation>(
      named('conversation', findConversations),
      (row) => row.id,
    ),
    message: byKey<MessageId, Message>(named('message', findMessages), (row) => row.id),
    generation: byKey<GenerationId, Generation>(named('generation', findGenerations), (row) => row.id),
    generationOf: byKey<MessageId, Generation>(
      (ids) => findGenerationsOf(db, viewer, ids),
      (row) => row.message_id,
    ),
    queuePosition: inMap<GenerationId, number>((ids) => findPositions(db, ids)),
    usage: inMap<ConversationId, Usage>((ids) => findUsage(db, viewer, ids)),
    active: inMap<ConversationId, Generation[]>((ids) => findActive(db, viewer, ids)),
    viewer: byKey<ViewerId, ViewerRow>(
      (ids) => findViewers(db, viewer, ids),
      (row) => row.id,
    ),
    parents: inMap<MessageId, MessageId[]>((ids) => findParents(db, ids)),
    children: inMap<MessageId, MessageId[]>((ids) => findChildren(db, ids)),
    siblings: inMap<MessageId, MessageId[]>((ids) => findSiblings(db, ids)),
    conversationPosition: inMap<ConversationId, Position>(async (ids) =>
      conversationPositions(db, ids, await watermark()),
    ),
    runPosition: inMap<GenerationId, Position>(async (ids) => runPositions(db, ids, await watermark())),
    viewerPosition: inMap<ViewerId, Position>(async (ids) => viewerPositions(db, ids, await watermark())),
  }
}

function loadersThat(ask: Ask) {
  function inMap<Key, Value>(find: (keys: readonly Key[]) => Promise<ReadonlyMap<Key, Value>>) {
    return new DataLoader<Key, Value | null>(async (keys) => {
      const found = await ask(() => find(keys))
      return keys.map((key) => found.get(key) ?? null)
    })
  }

  function byKey<Key, Row>(
    find: (keys: readonly Key[]) => Promise<readonly Row[]>,
    keyOf: (row: Row) => Key,
  ) {
    return inMap<Key, Row>(async (keys) => new Map((await find(keys)).map((row) => [keyOf(row), row])))
  }

  return { byKey, inMap }
}
