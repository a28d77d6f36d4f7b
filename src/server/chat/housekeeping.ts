import { sql } from 'kysely'
import type { Db } from '../db/connect.ts'

/** Drops what is only kept for a time: idempotency keys for 24 hours, events of viewers for 30 days. */
export async function dropExpired(db: Db): Promise<void> {
  await db
    .deleteFrom('idempotency')
    .where(sql<boolean>`created_at < clock_timestamp() - interval '24 hours'`)
    .execute()
  await sql`delete from viewer_event using viewer
    where viewer.id = viewer_event.viewer_id and viewer_event.seq < viewer.last_seq
      and at < clock_timestamp() - interval '30 days'`.execute(db)
}
