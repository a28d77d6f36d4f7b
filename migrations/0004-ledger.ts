import { type Kysely, sql } from 'kysely'

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db)
}

/** No references to what can be deleted: what was paid for stays known. */
const statements = [
  `alter table generation add column cost numeric`,
  `create table ledger (
    id bigint generated always as identity primary key,
    at timestamptz not null default clock_timestamp(),
    viewer_id uuid not null references viewer,
    conversation_id uuid not null,
    generation_id uuid not null,
    epoch integer not null,
    attempt integer not null,
    model text not null,
    outcome text not null,
    input_tokens integer,
    output_tokens integer,
    cache_read_tokens integer,
    cache_write_tokens integer,
    reasoning_tokens integer,
    is_estimated boolean not null,
    cost numeric,
    cost_source text,
    prices jsonb,
    unique (generation_id, epoch, attempt)
  )`,
  `create index ledger_by_viewer on ledger (viewer_id, at)`,
  `insert into ledger (at, viewer_id, conversation_id, generation_id, epoch, attempt, model, outcome,
      input_tokens, output_tokens, cache_read_tokens, reasoning_tokens, is_estimated)
    select run.finished_at, coalesce(run.viewer_id, conversation.owner_id), conversation.id, run.id, run.epoch,
      run.attempt, run.model, run.status, run.input_tokens, run.output_tokens, run.cached_tokens,
      run.reasoning_tokens, run.usage_estimated
    from generation as run join conversation on conversation.id = run.conversation_id
    where run.finished_at is not null and run.started_at is not null`,
]
