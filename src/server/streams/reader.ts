import type { Db } from '../db/connect.ts'
import type { SharedReads } from '../db/shared-reads.ts'
import type { Contents } from './contents.ts'
import type { HeartbeatItem, ResyncItem, Unplaced } from './items.ts'
import type { Growth, Listener, Topic, WakeUps } from './wake-ups.ts'

/** What following needs. */
export type Streams = {
  readonly db: Db
  readonly reads: SharedReads
  readonly contents: Contents
  readonly wakeUps: WakeUps
  /** Of the database: cursors of another one are unknown here. */
  readonly incarnation: string
}

/** A place in a stream that can be moved on. */
export type Reader<Item> = {
  readonly topic: Topic
  begin(listener: Listener): Promise<void>
  /** Reads what is new in the topics that were woken, or a part of it that fits into memory. */
  read(woken: ReadonlySet<Topic | Growth>, listener: Listener): Promise<Iterable<Item>> | Iterable<Item>
  /** Whether there is more to be read than the last read gave. */
  readonly behind: boolean
  /** Whether nothing will follow. */
  readonly ended: boolean
  place(item: Unplaced<HeartbeatItem>): HeartbeatItem
  place(item: Unplaced<ResyncItem>): ResyncItem
}
