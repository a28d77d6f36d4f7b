import { untilAvailable } from '../db/available.ts'
import type { ViewerEventRow } from '../db/tables.ts'
import type { ViewerId } from '../ids.ts'
import type { Position, StreamName } from './cursor.ts'
import { eventsPerRead, readViewerEvents } from './events.ts'
import { type Placed, placed, type Unplaced, type ViewerItem } from './items.ts'
import type { Reader, Streams } from './reader.ts'
import type { Topic } from './wake-ups.ts'

/** Reads a viewer's durable events. */
export class ViewerReader implements Reader<ViewerItem> {
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
