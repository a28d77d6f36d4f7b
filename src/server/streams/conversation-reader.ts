import { untilAvailable } from '../db/available.ts'
import type { ConversationEventRow } from '../db/tables.ts'
import type { ConversationId, GenerationId } from '../ids.ts'
import { beginning, type Content, type Place, stepFrom } from './content.ts'
import type { Position, StreamName } from './cursor.ts'
import { eventsPerRead, readConversationEvents, runsUnderWayAt } from './events.ts'
import {
  type ConversationItem,
  type DeltaItem,
  type PartItem,
  type Placed,
  placed,
  type Unplaced,
} from './items.ts'
import type { Reader, Streams } from './reader.ts'
import type { Growth, Listener, Topic } from './wake-ups.ts'

/** A conversation, or only one of its runs. */
export type ConversationScope = {
  readonly conversationId: ConversationId
  readonly generationId: GenerationId | null
}

/** Reads a conversation's durable events, and the text of its runs. */
export class ConversationReader implements Reader<ConversationItem> {
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

  read(woken: ReadonlySet<Topic | Growth>, listener: Listener) {
    if (woken.has(this.topic) && !this.behind) this.#stale = true
    const texts = this.behind ? null : this.#heldTexts(woken)
    return texts ? this.#items([], false, null, texts, listener) : this.#load(woken, listener)
  }

  async #load(woken: ReadonlySet<Topic | Growth>, listener: Listener): Promise<Iterable<ConversationItem>> {
    const first = this.#stale && this.#events.length === 0
    if (first) await this.#readEvents()
    const events = this.#takeEvents()
    const ended = events.at(-1)?.type === 'GENERATION_FINISHED' ? events.at(-1)!.generation_id : null
    const last = ended && this.#deltas ? await this.#textOf(ended, true) : null
    const texts = this.behind ? [] : await this.#texts(woken)
    return this.#items(events, first, last, texts, listener)
  }

  async #readEvents(): Promise<void> {
    const { db, reads } = this.#streams
    // Readers of one stream are mostly at the same place in it.
    const stream = `events ${this.topic} ${this.#scope.generationId} ${this.#seq}`
    const read = () => reads.once(stream, () => readConversationEvents(db, this.#scope, this.#seq))
    this.#events = [...(await untilAvailable(read, this.#signal))]
    this.#stale = this.#events.length === eventsPerRead
  }

  /** Events up to the first end of a run: the text of one run at a time is enough to hold. */
  #takeEvents(): ConversationEventRow[] {
    const end = this.#events.findIndex((event) => event.type === 'GENERATION_FINISHED')
    return this.#events.splice(0, end < 0 ? Infinity : end + 1)
  }

  /** What was woken of runs whose new text is here; null when the database has to be asked about one. */
  #heldTexts(woken: ReadonlySet<Topic | Growth>): [GenerationId, Content][] | null {
    const texts: [GenerationId, Content][] = []
    const { contents } = this.#streams
    for (const id of this.#wokenRuns(woken)) {
      const content = woken.has(`run:${id}`) ? contents.ownOf(id) : contents.heldOf(id)
      if (!content) return null
      texts.push([id, content])
    }
    return texts
  }

  async #texts(woken: ReadonlySet<Topic | Growth>): Promise<[GenerationId, Content][]> {
    const texts: [GenerationId, Content][] = []
    for (const id of this.#wokenRuns(woken)) texts.push([id, await this.#textOf(id, false)])
    return texts
  }

  #wokenRuns(woken: ReadonlySet<Topic | Growth>): GenerationId[] {
    return [...this.#places.keys()].filter((id) => woken.has(`run:${id}`) || woken.has(`growth:${id}`))
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
      this.#places = given.places
      yield given.item
    }
  }

  /** What another reader of this stream was given at the same place. Its cursor is ours while there is one run. */
  #givenFrom(content: Content, { revision, part, offset }: Place): Given | null {
    const given = this.#places.size === 1 ? lastGiven[this.#name.kind].get(content) : undefined
    if (!given || given.item.seq !== this.#seq) return null
    const { from } = given
    return from.offset === offset && from.part === part && from.revision === revision ? given : null
  }

  #giveFrom(generationId: GenerationId, content: Content, from: Place): Given | null {
    const step = stepFrom(content, from)
    if (!step) return null
    const { place, ...what } = step
    const whose = { generationId, messageId: content.messageId, at: content.at }
    const position = { seq: this.#seq, places: new Map(this.#places).set(generationId, place) }
    const item =
      what.type === 'delta'
        ? placed({ ...whose, ...what, revision: place.revision }, this.#name, position)
        : placed({ ...whose, ...what }, this.#name, position)
    const given = { from, places: position.places, item }
    if (this.#places.size === 1) lastGiven[this.#name.kind].set(content, given)
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

/** A step that a reader was given: whoever stands where it stood is given the same. */
type Given = {
  readonly from: Place
  /** Where its reader is behind it. */
  readonly places: ReadonlyMap<GenerationId, Place>
  readonly item: DeltaItem | PartItem
}

/** The newest one of each run, in each kind of stream. */
const lastGiven = {
  conversation: new WeakMap<Content, Given>(),
  generation: new WeakMap<Content, Given>(),
  viewer: new WeakMap<Content, Given>(),
}
