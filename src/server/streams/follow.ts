import { setTimeout as sleep } from 'node:timers/promises'
import type { Db } from '../db/connect.ts'
import type { ChunkKind, ConversationEventRow, ViewerEventRow } from '../db/tables.ts'
import type { ConversationId, GenerationId, MessageId, ViewerId } from '../ids.ts'
import { beginning, type Content, type Part, type Place, stepFrom } from './content.ts'
import type { Contents } from './contents.ts'
import { encodeCursor, type Position, type StreamName } from './cursor.ts'
import { eventsPerRead, readConversationEvents, readViewerEvents, runsUnderWayAt } from './events.ts'
import type { Listener, WakeUps } from './wake-ups.ts'

export type ResyncReason = 'CURSOR_EXPIRED' | 'CURSOR_UNKNOWN' | 'SLOW_CONSUMER' | 'SERVER_RESTARTED'

/** What every event has: where to go on from, the newest durable event, and when it became true. */
type Placed = { readonly cursor: string; readonly seq: number; readonly at: Date }

export type DeltaItem = Placed & {
  readonly type: 'delta'
  readonly generationId: GenerationId
  readonly messageId: MessageId
  readonly revision: number
  readonly part: number
  readonly kind: ChunkKind
  readonly offset: number
  readonly text: string
}
export type PartItem = Placed & {
  readonly type: 'part'
  readonly generationId: GenerationId
  readonly messageId: MessageId
  readonly part: number
  readonly content: Part
}
export type DurableItem<Row> = Placed & { readonly type: 'event'; readonly event: Row }
export type ResyncItem = Placed & { readonly type: 'resync'; readonly reason: ResyncReason }
export type HeartbeatItem = Placed & { readonly type: 'heartbeat' }

export type ConversationItem =
  | DeltaItem
  | PartItem
  | DurableItem<ConversationEventRow>
  | ResyncItem
  | HeartbeatItem
export type ViewerItem = DurableItem<ViewerEventRow> | ResyncItem | HeartbeatItem

/** What following needs. */
export type Streams = {
  readonly db: Db
  readonly contents: Contents
  readonly wakeUps: WakeUps
  /** Of the database: cursors of another one are unknown here. */
  readonly incarnation: string
}

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

/** A conversation, or only one of its runs. */
export type ConversationScope = {
  readonly conversationId: ConversationId
  readonly generationId: GenerationId | null
}

/**
 * Yields what a reader at `from` does not hold yet, in order: durable events, and committed text as merged deltas,
 * first what is missing, then live.
 *
 * The text of a run comes before the event that ends it. A reader that comes back with the last cursor it got
 * misses nothing and may apply anything twice. Returns after the end of the run that it follows, after the removal
 * of the conversation, and on abort; never throws for the latter.
 */
export async function* followConversation(
  streams: Streams,
  scope: ConversationScope,
  from: Position,
  signal: AbortSignal,
  options: FollowOptions = {},
): AsyncGenerator<ConversationItem, void, void> {
  const reader = new ConversationReader(streams, scope, from, options.deltas ?? true)
  // Listen before reading: an append between the two would otherwise be missed.
  using listener = streams.wakeUps.listen([`conversation:${scope.conversationId}`])
  await reader.begin(listener)
  if (options.resync) yield reader.place({ type: 'resync', reason: options.resync, at: new Date() })
  yield* untilAborted(reader, listener, signal, options)
}

/** Yields a viewer's durable events after `from`, first the missing ones, then live. Returns on abort. */
export async function* followViewer(
  streams: Streams,
  viewerId: ViewerId,
  from: Position,
  signal: AbortSignal,
  options: FollowOptions = {},
): AsyncGenerator<ViewerItem, void, void> {
  const reader = new ViewerReader(streams, viewerId, from.seq)
  using listener = streams.wakeUps.listen([`viewer:${viewerId}`])
  if (options.resync) yield reader.place({ type: 'resync', reason: options.resync, at: new Date() })
  yield* untilAborted(reader, listener, signal, options)
}

type Unplaced<Item> = Item extends Placed ? Omit<Item, 'cursor' | 'seq'> : never

/** A place in a stream that can be moved on. */
type Reader<Item> = {
  /** Yields what is new in the topics that were woken. Returns true when nothing will follow. */
  round(woken: ReadonlySet<string>, listener: Listener): AsyncGenerator<Item, boolean, void>
  place(item: Unplaced<HeartbeatItem>): HeartbeatItem
}

async function* untilAborted<Item>(
  reader: Reader<Item>,
  listener: Listener,
  signal: AbortSignal,
  { minInterval = 0, heartbeat = null }: FollowOptions,
): AsyncGenerator<Item | HeartbeatItem, void, void> {
  while (!signal.aborted) {
    const woken = listener.take()
    if (woken.size === 0 && heartbeat !== null) yield reader.place({ type: 'heartbeat', at: new Date() })
    else if (yield* reader.round(woken, listener)) return
    // An abort cuts the rest short, and then ends the loop.
    if (minInterval > 0) await sleep(minInterval, undefined, { signal }).catch(() => {})
    await listener.woken(signal, heartbeat ?? undefined)
  }
}

class ConversationReader implements Reader<ConversationItem> {
  readonly #streams: Streams
  readonly #scope: ConversationScope
  readonly #name: StreamName
  readonly #deltas: boolean
  readonly #places: Map<GenerationId, Place>
  #seq: number

  constructor(streams: Streams, scope: ConversationScope, from: Position, deltas: boolean) {
    this.#streams = streams
    this.#scope = scope
    this.#name = scope.generationId
      ? { kind: 'generation', id: scope.generationId, incarnation: streams.incarnation }
      : { kind: 'conversation', id: scope.conversationId, incarnation: streams.incarnation }
    this.#deltas = deltas
    this.#places = new Map(from.places)
    this.#seq = from.seq
  }

  /** Finds the runs that the reader is in the middle of; those that its cursor does not name it reads from 0. */
  async begin(listener: Listener): Promise<void> {
    const { conversationId, generationId } = this.#scope
    const underWay = await runsUnderWayAt(this.#streams.db, conversationId, this.#seq)
    for (const id of this.#places.keys()) if (!underWay.includes(id)) this.#places.delete(id)
    for (const id of underWay) if (!generationId || id === generationId) this.#watch(id, listener)
  }

  place<Item extends Unplaced<ConversationItem>>(item: Item): Item & { cursor: string; seq: number } {
    return {
      ...item,
      seq: this.#seq,
      cursor: encodeCursor(this.#name, { seq: this.#seq, places: this.#places }),
    }
  }

  async *round(
    woken: ReadonlySet<string>,
    listener: Listener,
  ): AsyncGenerator<ConversationItem, boolean, void> {
    if (woken.has(`conversation:${this.#scope.conversationId}`)) {
      if (yield* this.#durable(listener)) return true
    }
    if (!this.#deltas) return false
    for (const id of [...this.#places.keys()]) {
      if (woken.has(`run:${id}`)) yield* this.#text(id, await this.#streams.contents.of(id))
    }
    return false
  }

  async *#durable(listener: Listener): AsyncGenerator<ConversationItem, boolean, void> {
    for (;;) {
      const events = await readConversationEvents(this.#streams.db, this.#scope, this.#seq)
      for (const event of events) {
        if (yield* this.#event(event, listener)) return true
      }
      // A run that is not under way after all events were read had ended before this reader's cursor.
      if (events.length < eventsPerRead) return this.#scope.generationId !== null && this.#places.size === 0
    }
  }

  async *#event(
    event: ConversationEventRow,
    listener: Listener,
  ): AsyncGenerator<ConversationItem, boolean, void> {
    const run = event.generation_id
    const ends = event.type === 'GENERATION_FINISHED'
    if (run && ends && this.#deltas)
      yield* this.#text(run, await this.#streams.contents.of(run, { ended: true }))
    this.#seq = event.seq
    if (run && ends) this.#unwatch(run, listener)
    else if (run && event.type === 'GENERATION_CHANGED') this.#watch(run, listener)
    yield this.place({ type: 'event', event, at: event.at })
    return event.type === 'CONVERSATION_REMOVED' || (ends && this.#scope.generationId !== null)
  }

  async *#text(
    generationId: GenerationId,
    content: Content,
  ): AsyncGenerator<DeltaItem | PartItem, void, void> {
    for (;;) {
      const step = stepFrom(content, this.#places.get(generationId) ?? beginning)
      if (!step) return
      this.#places.set(generationId, step.place)
      const { place, ...what } = step
      const whose = { generationId, messageId: content.messageId, at: content.at }
      yield what.type === 'delta'
        ? this.place({ ...whose, ...what, revision: place.revision })
        : this.place({ ...whose, ...what })
    }
  }

  #watch(id: GenerationId, listener: Listener): void {
    if (this.#deltas) listener.add(`run:${id}`)
    this.#places.set(id, this.#places.get(id) ?? beginning)
  }

  #unwatch(id: GenerationId, listener: Listener): void {
    listener.remove(`run:${id}`)
    this.#places.delete(id)
  }
}

class ViewerReader implements Reader<ViewerItem> {
  readonly #streams: Streams
  readonly #viewerId: ViewerId
  #seq: number

  constructor(streams: Streams, viewerId: ViewerId, seq: number) {
    this.#streams = streams
    this.#viewerId = viewerId
    this.#seq = seq
  }

  place<Item extends Unplaced<ViewerItem>>(item: Item): Item & { cursor: string; seq: number } {
    const name: StreamName = { kind: 'viewer', id: this.#viewerId, incarnation: this.#streams.incarnation }
    return { ...item, seq: this.#seq, cursor: encodeCursor(name, { seq: this.#seq, places: new Map() }) }
  }

  async *round(): AsyncGenerator<ViewerItem, boolean, void> {
    for (;;) {
      const events = await readViewerEvents(this.#streams.db, this.#viewerId, this.#seq)
      for (const event of events) {
        this.#seq = event.seq
        yield this.place({ type: 'event', event, at: event.at })
      }
      if (events.length < eventsPerRead) return false
    }
  }
}
