import type { ChunkKind, ConversationEventRow, ViewerEventRow } from '../db/tables.ts'
import type { GenerationId, MessageId } from '../ids.ts'
import type { Part } from './content.ts'
import { encodeCursor, type Position, type StreamName } from './cursor.ts'

export type ResyncReason = 'CURSOR_EXPIRED' | 'CURSOR_UNKNOWN' | 'SLOW_CONSUMER' | 'SERVER_RESTARTED'

/** What every event has: where to go on from, the newest durable event, and when it became true. */
export type Placed = { readonly cursor: string; readonly seq: number; readonly at: Date }

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

/** An item before its place in a stream is known. */
export type Unplaced<Item> = Item extends Placed ? Omit<Item, 'cursor' | 'seq'> : never

/** Puts an item at a position of a stream. Its cursor is written when somebody wants to know it. */
export function placed<Item extends object>(item: Item, name: StreamName, position: Position): Item & Placed {
  return new PlacedItem(item, name, position) as unknown as Item & Placed
}

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
