import { type Kysely, sql } from 'kysely'

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db)
}

const statements = [
  `create table server (
    id boolean primary key default true check (id),
    incarnation uuid not null default gen_random_uuid()
  )`,
  `insert into server default values`,

  `create table process (
    id uuid primary key,
    started_at timestamptz not null default clock_timestamp(),
    expires_at timestamptz not null
  )`,

  `create table viewer (
    id uuid primary key,
    handle text not null unique,
    name text not null,
    email text,
    role text not null,
    last_seq integer not null default 0,
    created_at timestamptz not null default clock_timestamp()
  )`,

  `create table conversation (
    id uuid primary key,
    owner_id uuid not null references viewer,
    title text,
    system_prompt text,
    default_model text,
    created_at timestamptz not null default clock_timestamp(),
    updated_at timestamptz not null default clock_timestamp(),
    archived_at timestamptz,
    deleted_at timestamptz,
    last_seq integer not null default 0,
    message_count integer not null default 0,
    preview text
  )`,
  `create index conversation_by_update on conversation (owner_id, updated_at, id) where deleted_at is null`,
  `create index conversation_by_creation on conversation (owner_id, created_at, id) where deleted_at is null`,

  `create table message (
    id uuid primary key,
    conversation_id uuid not null references conversation on delete cascade,
    depth integer not null,
    role text not null,
    status text not null,
    author_id uuid references viewer,
    model text,
    parts jsonb,
    hash text,
    created_at timestamptz not null default clock_timestamp()
  )`,
  `create index message_by_creation on message (conversation_id, created_at, id)`,

  `create table message_parent (
    message_id uuid not null references message on delete cascade,
    position integer not null,
    parent_id uuid not null references message on delete cascade,
    primary key (message_id, position)
  )`,
  `create index message_children on message_parent (parent_id, message_id)`,

  `create table conversation_viewer (
    conversation_id uuid not null references conversation on delete cascade,
    viewer_id uuid not null references viewer on delete cascade,
    head_id uuid references message,
    starred boolean not null default false,
    primary key (conversation_id, viewer_id)
  )`,

  `create table generation (
    id uuid primary key,
    conversation_id uuid not null references conversation on delete cascade,
    message_id uuid not null unique references message on delete cascade,
    status text not null,
    model text not null,
    parameters jsonb not null,
    attempt integer not null default 1,
    revision integer not null default 0,
    owner_id uuid,
    epoch integer not null default 0,
    queued_at timestamptz not null default clock_timestamp(),
    started_at timestamptz,
    finished_at timestamptz,
    first_token_at timestamptz,
    finish_reason text,
    failure_code text,
    failure_message text,
    failure_retryable boolean,
    failure_retry_at timestamptz,
    input_tokens integer,
    output_tokens integer,
    cached_tokens integer,
    reasoning_tokens integer,
    usage_estimated boolean not null default false,
    timeline integer[]
  )`,
  `create index generation_by_conversation on generation (conversation_id)`,
  `create index generation_active on generation (conversation_id) where status in ('QUEUED', 'RUNNING')`,
  `create index generation_by_owner on generation (owner_id) where status in ('QUEUED', 'RUNNING')`,

  `create table chunk (
    generation_id uuid not null references generation on delete cascade,
    part integer not null,
    start integer not null,
    length integer not null,
    kind text not null,
    text text not null,
    at timestamptz not null default clock_timestamp(),
    xid xid8 not null default pg_current_xact_id(),
    primary key (generation_id, part, start)
  )`,

  `create table conversation_event (
    conversation_id uuid not null references conversation on delete cascade,
    seq integer not null,
    at timestamptz not null default clock_timestamp(),
    xid xid8 not null default pg_current_xact_id(),
    type text not null,
    message_id uuid,
    generation_id uuid,
    client_mutation_id text,
    viewer_id uuid,
    primary key (conversation_id, seq)
  )`,
  `create index conversation_event_by_generation on conversation_event (generation_id, seq) where generation_id is not null`,

  `create table viewer_event (
    viewer_id uuid not null references viewer on delete cascade,
    seq integer not null,
    at timestamptz not null default clock_timestamp(),
    xid xid8 not null default pg_current_xact_id(),
    type text not null,
    conversation_id uuid not null,
    client_mutation_id text,
    primary key (viewer_id, seq)
  )`,
  `create index viewer_event_by_age on viewer_event (at)`,

  `create table idempotency (
    viewer_id uuid not null references viewer on delete cascade,
    mutation text not null,
    key text not null,
    input_hash text not null,
    result jsonb,
    created_at timestamptz not null default clock_timestamp(),
    primary key (viewer_id, mutation, key)
  )`,
  `create index idempotency_by_age on idempotency (created_at)`,
]
