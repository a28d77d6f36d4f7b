import { type Kysely, sql } from 'kysely'

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db)
}

const statements = [
  `alter table conversation add column recovery text`,
  `alter table message add column is_continuation boolean not null default false`,
  `alter table generation
    add column viewer_id uuid references viewer,
    add column lost_processes integer not null default 0,
    add column continuations integer not null default 0,
    add column idle_continuations integer not null default 0`,
  `create index generation_waiting on generation (queued_at, id) where status = 'QUEUED'`,
  `create index generation_by_viewer on generation (viewer_id, started_at)
    where viewer_id is not null and started_at is not null`,
]
