import { sql } from 'kysely'
import type { Db } from '../db/connect.ts'
import type { Topic, WakeUps } from './wake-ups.ts'

/**
 * Looks, in one statement for the whole process, how far the topics have come that somebody listens to, and wakes
 * those that have moved since the last look. Backs up every wake-up: what another process did, or what got lost.
 */
export function createPoll(db: Db, wakeUps: WakeUps): () => Promise<void> {
  let known = new Map<Topic, string>()
  return async () => {
    // The queue has a look of its own with every heartbeat.
    const watched = wakeUps.watched().filter((topic) => topic !== 'queue')
    if (watched.length === 0) return
    const now = await versions(db, watched)
    wakeUps.wakeHere(
      [...now].filter(([topic, version]) => known.get(topic) !== version).map(([topic]) => topic),
    )
    known = now
  }
}

async function versions(db: Db, topics: readonly Topic[]): Promise<Map<Topic, string>> {
  const ids = (kind: string) =>
    topics.filter((topic) => topic.startsWith(`${kind}:`)).map((topic) => topic.slice(kind.length + 1))
  const { rows } = await sql<{ topic: Topic; version: string }>`
    select 'conversation:' || id as topic, last_seq::text as version from conversation
    where id = any(${ids('conversation')}::uuid[])
    union all
    select 'viewer:' || id, last_seq::text from viewer where id = any(${ids('viewer')}::uuid[])
    union all
    select 'run:' || id, concat_ws(' ', status, revision, (
      select concat(max(part), ':', max(start)) from chunk where generation_id = generation.id
      and part = (select max(part) from chunk where generation_id = generation.id)))
    from generation where id = any(${ids('run')}::uuid[])`.execute(db)
  return new Map(rows.map((row) => [row.topic, row.version]))
}
