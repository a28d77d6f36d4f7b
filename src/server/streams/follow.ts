import { setTimeout as sleep } from 'node:timers/promises'
import type { ViewerId } from '../ids.ts'
import { ConversationReader, type ConversationScope } from './conversation-reader.ts'
import type { Position } from './cursor.ts'
import type { ConversationItem, HeartbeatItem, ResyncItem, ResyncReason, ViewerItem } from './items.ts'
import type { Reader, Streams } from './reader.ts'
import { ViewerReader } from './viewer-reader.ts'
import type { WakeUps } from './wake-ups.ts'

export type FollowOptions = {
  /** Whether text is wanted; without, only durable events come. */
  readonly deltas?: boolean
  /** Rests for so many milliseconds between two rounds of events. */
  readonly minInterval?: number
  /** A heartbeat after so many milliseconds without an event; null: none. */
  readonly heartbeat?: number | null
  /** Tell the reader first that what it holds can't be continued. */
  readonly resync?: ResyncReason | null
}

/**
 * Yields what a reader at `from` does not hold yet, in order: durable events, and committed text as merged deltas,
 * first what is missing, then live.
 *
 * The text of a run comes before the event that ends it. A reader that comes back with the last cursor it got
 * misses nothing and may apply anything twice. Returns after the end of the run that it follows, after the removal
 * of the conversation, and on abort. While the database is away it waits.
 */
export function followConversation(
  streams: Streams,
  scope: ConversationScope,
  from: Position,
  signal: AbortSignal,
  options: FollowOptions = {},
): AsyncGenerator<ConversationItem, void, void> {
  const reader = new ConversationReader(streams, scope, from, options.deltas ?? true, signal)
  return follow<ConversationItem>(streams.wakeUps, reader, signal, options)
}

/** Yields a viewer's durable events after `from`, first the missing ones, then live. Returns on abort. */
export function followViewer(
  streams: Streams,
  viewerId: ViewerId,
  from: Position,
  signal: AbortSignal,
  options: FollowOptions = {},
): AsyncGenerator<ViewerItem, void, void> {
  return follow<ViewerItem>(
    streams.wakeUps,
    new ViewerReader(streams, viewerId, from, signal),
    signal,
    options,
  )
}

async function* follow<Item>(
  wakeUps: WakeUps,
  reader: Reader<Item>,
  signal: AbortSignal,
  { minInterval = 0, heartbeat = null, resync = null }: FollowOptions,
): AsyncGenerator<Item | HeartbeatItem | ResyncItem, void, void> {
  // Listen before reading: an append between the two would otherwise be missed.
  using listener = wakeUps.listen([reader.topic])
  await reader.begin(listener)
  if (resync) yield reader.place({ type: 'resync', reason: resync, at: new Date() })
  while (!signal.aborted) {
    const woken = listener.take()
    if (woken.size === 0 && heartbeat !== null) yield reader.place({ type: 'heartbeat', at: new Date() })
    else
      do {
        for (const item of await reader.read(woken, listener)) yield item
        if (reader.ended) return
      } while (reader.behind)
    // An abort cuts the rest short, and then ends the loop.
    if (minInterval > 0) await sleep(minInterval, undefined, { signal }).catch(() => {})
    await listener.woken(signal, heartbeat ?? undefined)
  }
}
