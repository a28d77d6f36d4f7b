import { type RawBuilder, sql } from 'kysely'
import type { Db, Tx } from '../db/connect.ts'
import { ChatError } from '../errors.ts'
import type { GenerationId } from '../ids.ts'
import { providerOf } from './run-room.ts'

/**
 * The order in which runs leave the queue: next is always the viewer with the fewest runs under way, among equals
 * whoever was served longest ago, and of each viewer the oldest run.
 *
 * `turn + under_way` is what a viewer will have under way once the run has begun. Of two runs where that is the same,
 * the one with the lower turn goes first: the one before it is under way already, the other's has yet to begin.
 */
const inOrder = sql`
  with waiting as (
    select generation.id, model, for_viewer, min(queued_at) over (partition by for_viewer) as asked_at,
      row_number() over (partition by for_viewer order by queued_at, generation.id) as turn
    from generation join conversation on conversation.id = conversation_id
    cross join lateral (select coalesce(viewer_id, conversation.owner_id) as for_viewer) as whose
    where status = 'QUEUED'
  ), served as (
    select for_viewer, (select max(started_at) from generation where viewer_id = for_viewer) as served_at
    from (select distinct for_viewer from waiting) as viewers
  ), busy as (
    select viewer_id as for_viewer, count(*) as under_way
    from generation where status = 'RUNNING' group by viewer_id
  )
  select id, model, (row_number() over (
    order by turn + coalesce(under_way, 0), turn, served_at nulls first, asked_at, for_viewer
  ))::integer as position
  from waiting join served using (for_viewer) left join busy using (for_viewer)`

export type Waiting = { readonly id: GenerationId; readonly model: string }

/** The runs that are next, of providers that are not full, without those of `except`. */
export async function findNext(
  db: Db,
  {
    fullProviders,
    except,
    count,
  }: {
    readonly fullProviders: readonly string[]
    readonly except: readonly GenerationId[]
    readonly count: number
  },
): Promise<Waiting[]> {
  const { rows } = await sql<Waiting>`
    select id, model from (${inOrder}) as queue
    where split_part(model, ':', 1) <> all(${fullProviders}::text[]) and id <> all(${except}::uuid[])
    order by position limit ${count}`.execute(db)
  return rows
}

/** The places of these runs in the queue, from 1; of those that wait. */
export async function findPositions(
  db: Db,
  ids: readonly GenerationId[],
): Promise<Map<GenerationId, number>> {
  const { rows } = await sql<{ id: GenerationId; position: number }>`
    select id, position from (${inOrder}) as queue where id = any(${ids}::uuid[])`.execute(db)
  return new Map(rows.map(({ id, position }) => [id, position]))
}

/** Whether runs of this model's provider wait, which a new one must not overtake. */
export function hasQueue(model: string): RawBuilder<boolean> {
  return sql<boolean>`exists (
    select from generation where status = 'QUEUED' and split_part(model, ':', 1) = ${providerOf(model)})`
}

/** An arbitrary number, the same in every release. */
const lockKey = 71_603_185

/**
 * Makes sure that one run more may wait. Far from the limit nobody waits for that: of those who look at the same time,
 * Postgres has no more connections than places are left. Close to it, whoever adds one holds a lock until its commit,
 * or several that come at once would each find the last place. Throws ChatError QUOTA_EXCEEDED.
 */
export async function requirePlaceInQueue(tx: Tx, most: number): Promise<void> {
  const look = await lookAtQueue(tx)
  if (look.waiting + look.connections <= most) return
  await sql`select pg_advisory_xact_lock(${lockKey})`.execute(tx)
  const { waiting } = await lookAtQueue(tx)
  if (waiting < most) return
  throw new ChatError('QUOTA_EXCEEDED', `Cannot start another answer: ${waiting} are waiting for their turn`)
}

function lookAtQueue(tx: Tx): Promise<{ waiting: number; connections: number }> {
  return tx
    .selectFrom('generation')
    .select([
      sql<number>`count(*)::integer`.as('waiting'),
      sql<number>`current_setting('max_connections')::integer`.as('connections'),
    ])
    .where('status', '=', 'QUEUED')
    .executeTakeFirstOrThrow()
}
