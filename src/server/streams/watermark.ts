import { type RawBuilder, sql } from 'kysely'
import type { Db } from '../db/connect.ts'
import type { ConversationId, GenerationId, ViewerId } from '../ids.ts'
import type { Place } from './content.ts'
import type { Position } from './cursor.ts'

/**
 * A moment in the database's history, as the oldest transaction then still under way (`xid8`). Whatever older
 * transactions wrote is visible to every read that begins later, so a position made of that alone never lies ahead
 * of what such a read returned: overlaps are possible and harmless, gaps are not.
 */
export type Watermark = string & { readonly watermark: true }

/** Taken before the first other row of an operation is read. */
export async function readWatermark(db: Db): Promise<Watermark> {
  const { rows } = await sql<{ xmin: Watermark }>`
    select pg_snapshot_xmin(pg_current_snapshot())::text as xmin`.execute(db)
  return rows[0]!.xmin
}

/** Where conversations stood at the watermark, each with the runs then under way. */
export function conversationPositions(
  db: Db,
  ids: readonly ConversationId[],
  watermark: Watermark,
): Promise<Map<ConversationId, Position>> {
  return positions(db, ids, watermark, {
    stream: sql`conversation_event.conversation_id = asked.id`,
    run: sql`generation.conversation_id = asked.id`,
  })
}

/** Where runs stood at the watermark. */
export function runPositions(
  db: Db,
  ids: readonly GenerationId[],
  watermark: Watermark,
): Promise<Map<GenerationId, Position>> {
  return positions(db, ids, watermark, {
    stream: sql`conversation_event.generation_id = asked.id`,
    run: sql`generation.id = asked.id`,
  })
}

/** `seq` of each viewer's newest event at the watermark. What is no longer kept was visible long before it. */
export async function viewerPositions(
  db: Db,
  ids: readonly ViewerId[],
  watermark: Watermark,
): Promise<Map<ViewerId, Position>> {
  const { rows } = await sql<{ id: ViewerId; seq: number }>`
    select asked.id, coalesce(
      (select seq from viewer_event where viewer_id = asked.id and xid < ${watermark}::xid8 order by seq desc limit 1),
      (select min(seq) - 1 from viewer_event where viewer_id = asked.id),
      0) as seq
    from unnest(${ids}::uuid[]) as asked (id)`.execute(db)
  return new Map(rows.map(({ id, seq }) => [id, { seq, places: new Map() }]))
}

type PlaceRow = [GenerationId, revision: number, part: number, offset: number]

/**
 * Events of one conversation become visible in the order of `seq`, so the newest one below the watermark stands for
 * all before it. A run's chunks are committed in order, so its newest below the watermark says how far it had come.
 */
async function positions<Id extends string>(
  db: Db,
  ids: readonly Id[],
  watermark: Watermark,
  of: { stream: RawBuilder<unknown>; run: RawBuilder<unknown> },
): Promise<Map<Id, Position>> {
  const { rows } = await sql<{ id: Id; seq: number | null; places: PlaceRow[] }>`
    select asked.id,
      (select seq from conversation_event where ${of.stream} and xid < ${watermark}::xid8 order by seq desc limit 1),
      (select coalesce(json_agg(json_build_array(generation.id, revision, newest.part, newest.reached)), '[]')
       from generation, lateral (
         select part, start + length as reached from chunk
         where generation_id = generation.id and xid < ${watermark}::xid8
         order by part desc, start desc limit 1
       ) as newest
       where ${of.run} and generation.status = 'RUNNING') as places
    from unnest(${ids}::uuid[]) as asked (id)`.execute(db)
  return new Map(rows.map(({ id, seq, places }) => [id, { seq: seq ?? 0, places: toPlaces(places) }]))
}

function toPlaces(rows: readonly PlaceRow[]): Map<GenerationId, Place> {
  return new Map(rows.map(([id, revision, part, offset]) => [id, { revision, part, offset }]))
}
