import { sql } from 'kysely'
import type { Db } from '../db/connect.ts'
import type { ConversationEventRow, ViewerEventRow } from '../db/tables.ts'
import type { ConversationId, GenerationId, ViewerId } from '../ids.ts'

/** Durable events that one read takes at the most; a reader with a longer backlog reads again. */
export const eventsPerRead = 200

/** A conversation's durable events after `seq`, in order; with `generationId` only that run's. */
export async function readConversationEvents(
  db: Db,
  { conversationId, generationId }: { conversationId: ConversationId; generationId: GenerationId | null },
  seq: number,
): Promise<ConversationEventRow[]> {
  let query = db
    .selectFrom('conversation_event')
    .selectAll()
    .where('conversation_id', '=', conversationId)
    .where('seq', '>', seq)
  if (generationId) query = query.where('generation_id', '=', generationId)
  return query.orderBy('seq').limit(eventsPerRead).execute()
}

/** A viewer's durable events after `seq`, in order. */
export async function readViewerEvents(db: Db, viewerId: ViewerId, seq: number): Promise<ViewerEventRow[]> {
  return db
    .selectFrom('viewer_event')
    .selectAll()
    .where('viewer_id', '=', viewerId)
    .where('seq', '>', seq)
    .orderBy('seq')
    .limit(eventsPerRead)
    .execute()
}

/** `seq` of a viewer's newest event, and of the last one that is no longer kept. */
export async function viewerSeqs(db: Db, id: ViewerId): Promise<{ last: number; dropped: number }> {
  const { rows } = await sql<{ last: number; oldest: number | null }>`
    select last_seq as last, (select min(seq) from viewer_event where viewer_id = viewer.id) as oldest
    from viewer where id = ${id}`.execute(db)
  const { last, oldest } = rows[0] ?? { last: 0, oldest: null }
  return { last, dropped: oldest === null ? last : oldest - 1 }
}

/** Runs that began at or before `seq` and had not ended by then: what a reader at `seq` is in the middle of. */
export async function runsUnderWayAt(db: Db, id: ConversationId, seq: number): Promise<GenerationId[]> {
  const { rows } = await sql<{ id: GenerationId }>`
    with candidate as (
      select id from generation where conversation_id = ${id} and status in ('QUEUED', 'RUNNING')
      union
      select generation_id from conversation_event
      where conversation_id = ${id} and seq > ${seq} and type = 'GENERATION_FINISHED'
    )
    select candidate.id from candidate
    where exists (select from conversation_event where generation_id = candidate.id and seq <= ${seq})
    order by candidate.id`.execute(db)
  return rows.map((row) => row.id)
}
