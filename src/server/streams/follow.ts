import { setTimeout as sleep } from 'node:timers/promises'
import { untilAvailable } from '../db/available.ts'
import type { Db } from '../db/connect.ts'
import type { ChunkKind, ConversationEventRow, ViewerEventRow } from '../db/tables.ts'
import type { ConversationId, GenerationId, MessageId, ViewerId } from '../ids.ts'
import { beginning, type Content, type Part, type Place, stepFrom } from './content.ts'
import type { Contents } from './contents.ts'
import { encodeCursor, type Position, type StreamName } from './cursor.ts'
import { eventsPerRead, readConversationEvents, readViewerEvents, runsUnderWayAt } from './events.ts'
import type { Listener, Topic, WakeUps } from './wake-ups.ts'

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
export type DurableItem<Row> = Placed & {
  readonly type: 'event'
  readonly event: Row
  /** Whether it is the first of those that were read together: what is read from now on is newer than all of them. */
  readonly first: boolean
}
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

type Unplaced<Item> = Item extends Placed ? Omit<Item, 'cursor' | 'seq'> : never

/** A place in a stream that can be moved on. */
type Reader<Item> = {
  readonly topic: Topic
  begin(listener: Listener): Promise<void>
  /** Reads what is new in the topics that were woken, or a part of it that fits into memory. */
  read(woken: ReadonlySet<Topic>, listener: Listener): Promise<Iterable<Item>> | Iterable<Item>
  /** Whether there is more to be read than the last read gave. */
  readonly behind: boolean
  /** Whether nothing will follow. */
  readonly ended: boolean
  place(item: Unplaced<HeartbeatItem>): HeartbeatItem
  place(item: Unplaced<ResyncItem>): ResyncItem
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

class ConversationReader implements Reader<ConversationItem> {
  readonly topic: Topic
  ended = false
  readonly #streams: Streams
  readonly #scope: ConversationScope
  readonly #name: StreamName
  readonly #deltas: boolean
  readonly #signal: AbortSignal
  /** Replaced as a whole: cursors are made of what it was. */
  #places: ReadonlyMap<GenerationId, Place>
  #seq: number
  /** Events that were read and not given yet, and whether there may be more in the database. */
  #events: ConversationEventRow[] = []
  #stale = false

  constructor(
    streams: Streams,
    scope: ConversationScope,
    from: Position,
    deltas: boolean,
    signal: AbortSignal,
  ) {
    this.#signal = signal
    this.topic = `conversation:${scope.conversationId}`
    this.#streams = streams
    this.#scope = scope
    this.#name = scope.generationId
      ? { kind: 'generation', id: scope.generationId, incarnation: streams.incarnation }
      : { kind: 'conversation', id: scope.conversationId, incarnation: streams.incarnation }
    this.#deltas = deltas
    this.#places = from.places
    this.#seq = from.seq
  }

  get behind(): boolean {
    return this.#events.length > 0 || this.#stale
  }

  /** Finds the runs that the reader is in the middle of; those that its cursor does not name it reads from 0. */
  async begin(listener: Listener): Promise<void> {
    const { conversationId, generationId } = this.#scope
    const { db } = this.#streams
    const find = () => runsUnderWayAt(db, conversationId, this.#seq)
    const underWay = await untilAvailable(find, this.#signal)
    this.#places = new Map([...this.#places].filter(([id]) => underWay.includes(id)))
    for (const id of underWay) if (!generationId || id === generationId) this.#watch(id, listener)
  }

  place<Item extends Unplaced<ConversationItem>>(item: Item): Item & Placed {
    return placed(item, this.#name, { seq: this.#seq, places: this.#places })
  }

  read(woken: ReadonlySet<Topic>, listener: Listener) {
    if (woken.has(this.topic) && !this.behind) this.#stale = true
    const texts = this.behind ? null : this.#ownTexts(woken)
    return texts ? this.#items([], false, null, texts, listener) : this.#load(woken, listener)
  }

  async #load(woken: ReadonlySet<Topic>, listener: Listener): Promise<Iterable<ConversationItem>> {
    const first = this.#stale && this.#events.length === 0
    if (first) await this.#readEvents()
    const events = this.#takeEvents()
    const ended = events.at(-1)?.type === 'GENERATION_FINISHED' ? events.at(-1)!.generation_id : null
    const last = ended && this.#deltas ? await this.#textOf(ended, true) : null
    const texts = this.behind ? [] : await this.#texts(woken)
    return this.#items(events, first, last, texts, listener)
  }

  async #readEvents(): Promise<void> {
    const read = () => readConversationEvents(this.#streams.db, this.#scope, this.#seq)
    this.#events = await untilAvailable(read, this.#signal)
    this.#stale = this.#events.length === eventsPerRead
  }

  /** Events up to the first end of a run: the text of one run at a time is enough to hold. */
  #takeEvents(): ConversationEventRow[] {
    const end = this.#events.findIndex((event) => event.type === 'GENERATION_FINISHED')
    return this.#events.splice(0, end < 0 ? Infinity : end + 1)
  }

  /** What was woken of runs that this process writes; null when there are others. */
  #ownTexts(woken: ReadonlySet<Topic>): [GenerationId, Content][] | null {
    const texts: [GenerationId, Content][] = []
    for (const id of this.#places.keys()) {
      if (!woken.has(`run:${id}`)) continue
      const content = this.#streams.contents.ownOf(id)
      if (!content) return null
      texts.push([id, content])
    }
    return texts
  }

  async #texts(woken: ReadonlySet<Topic>): Promise<[GenerationId, Content][]> {
    const texts: [GenerationId, Content][] = []
    for (const id of this.#places.keys()) {
      if (woken.has(`run:${id}`)) texts.push([id, await this.#textOf(id, false)])
    }
    return texts
  }

  #textOf(id: GenerationId, ended: boolean): Promise<Content> {
    return untilAvailable(() => this.#streams.contents.of(id, { ended }), this.#signal)
  }

  *#items(
    events: readonly ConversationEventRow[],
    first: boolean,
    last: Content | null,
    texts: readonly [GenerationId, Content][],
    listener: Listener,
  ): Generator<ConversationItem, void, void> {
    for (const [index, event] of events.entries()) {
      if (last && event.generation_id && event === events.at(-1)) yield* this.#text(event.generation_id, last)
      this.#take(event, listener)
      yield this.place({ type: 'event', event, at: event.at, first: first && index === 0 })
    }
    for (const [id, content] of texts) if (this.#places.has(id)) yield* this.#text(id, content)
    // A run that is not under way after all events were read had ended before this reader's cursor.
    if (this.#scope.generationId && !this.behind && this.#places.size === 0) this.ended = true
  }

  #take(event: ConversationEventRow, listener: Listener): void {
    const { type, generation_id: run } = event
    this.#seq = event.seq
    if (run && type === 'GENERATION_FINISHED') this.#unwatch(run, listener)
    else if (run && type === 'GENERATION_CHANGED') this.#watch(run, listener)
    if (type === 'CONVERSATION_REMOVED') this.ended = true
  }

  *#text(id: GenerationId, content: Content): Generator<DeltaItem | PartItem, void, void> {
    for (;;) {
      const from = this.#places.get(id) ?? beginning
      const given = this.#givenFrom(content, from) ?? this.#giveFrom(id, content, from)
      if (!given) return
      this.#places = new Map(this.#places).set(id, given.to)
      yield given.item
    }
  }

  /** What another reader of this stream was given at the same place. Its cursor is ours while there is one run. */
  #givenFrom(content: Content, { revision, part, offset }: Place): Given | null {
    const given = this.#places.size === 1 ? lastGiven[this.#name.kind].get(content) : undefined
    const { from, item } = given ?? {}
    const isSame = from?.offset === offset && from.part === part && from.revision === revision
    return given && isSame && item?.seq === this.#seq ? given : null
  }

  #giveFrom(generationId: GenerationId, content: Content, from: Place): Given | null {
    const step = stepFrom(content, from)
    if (!step) return null
    const { place: to, ...what } = step
    const whose = { generationId, messageId: content.messageId, at: content.at }
    const position = { seq: this.#seq, places: new Map(this.#places).set(generationId, to) }
    const item =
      what.type === 'delta'
        ? placed({ ...whose, ...what, revision: to.revision }, this.#name, position)
        : placed({ ...whose, ...what }, this.#name, position)
    const given = { from, to, item }
    lastGiven[this.#name.kind].set(content, given)
    return given
  }

  #watch(id: GenerationId, listener: Listener): void {
    if (this.#deltas) listener.add(`run:${id}`)
    if (!this.#places.has(id)) this.#places = new Map(this.#places).set(id, beginning)
  }

  #unwatch(id: GenerationId, listener: Listener): void {
    listener.remove(`run:${id}`)
    this.#places = new Map([...this.#places].filter(([other]) => other !== id))
  }
}

class ViewerReader implements Reader<ViewerItem> {
  readonly topic: Topic
  readonly ended = false
  behind = false
  readonly #streams: Streams
  readonly #viewerId: ViewerId
  readonly #signal: AbortSignal
  #seq: number

  constructor(streams: Streams, viewerId: ViewerId, from: Position, signal: AbortSignal) {
    this.#signal = signal
    this.topic = `viewer:${viewerId}`
    this.#streams = streams
    this.#viewerId = viewerId
    this.#seq = from.seq
  }

  async begin(): Promise<void> {}

  place<Item extends Unplaced<ViewerItem>>(item: Item): Item & Placed {
    const name: StreamName = { kind: 'viewer', id: this.#viewerId, incarnation: this.#streams.incarnation }
    return placed(item, name, { seq: this.#seq, places: new Map() })
  }

  async read(): Promise<Iterable<ViewerItem>> {
    const find = () => readViewerEvents(this.#streams.db, this.#viewerId, this.#seq)
    const events = await untilAvailable(find, this.#signal)
    this.behind = events.length === eventsPerRead
    return this.#items(events)
  }

  *#items(events: readonly ViewerEventRow[]): Generator<ViewerItem, void, void> {
    for (const [index, event] of events.entries()) {
      this.#seq = event.seq
      yield this.place({ type: 'event', event, at: event.at, first: index === 0 })
    }
  }
}

/** A step that a reader was given: whoever stands where it stood is given the same. */
type Given = { readonly from: Place; readonly to: Place; readonly item: DeltaItem | PartItem }

/** The newest one of each run, in each kind of stream. */
const lastGiven = {
  conversation: new WeakMap<Content, Given>(),
  generation: new WeakMap<Content, Given>(),
  viewer: new WeakMap<Content, Given>(),
}

function placed<Item extends object>(item: Item, name: StreamName, position: Position): Item & Placed {
  return new PlacedItem(item, name, position) as unknown as Item & Placed
}

/** Writes its cursor when somebody wants to know it. */
class PlacedItem {
  readonly seq: number
  readonly #name: StreamName
  readonly #position: Position
  #cursor: string | null = null

  constructor(item: object, name: StreamName, position: Position) {
    Object.assign(this, item)
    this.seq = position.seq
    this.#name = name
    this.#position = position
  }

  get cursor(): string {
    this.#cursor ??= encodeCursor(this.#name, this.#position)
    return this.#cursor
  }
}
