import type { ColumnType, Generated, GeneratedAlways, Insertable, JSONColumnType, Selectable } from 'kysely'
import type { ConversationId, GenerationId, MessageId, ProcessId, ViewerId } from '../ids.ts'
import type { Prices } from '../llm/prices.ts'
import type { FailureCode, FinishReason, Parameters } from '../llm/provider.ts'

/** Set by the database's own clock; only that one counts. */
type Timestamp = ColumnType<Date, Date | undefined, Date>
/** The transaction that wrote the row (`xid8`), as text: what a watermark is compared with. */
type TransactionId = ColumnType<string, never, never>

export type Role = 'SYSTEM' | 'USER' | 'ASSISTANT' | 'TOOL'
export type MessageStatus = 'PENDING' | 'STREAMING' | 'COMPLETED' | 'CANCELED' | 'FAILED' | 'INTERRUPTED'
export type GenerationStatus = 'QUEUED' | 'RUNNING' | 'COMPLETED' | 'CANCELED' | 'FAILED' | 'INTERRUPTED'
/** What becomes of an answer that was cut off when its process died: it is kept as it is, or goes on by itself. */
export type RecoveryPolicy = 'ASK' | 'AUTO'
export type ChunkKind = 'TEXT' | 'REASONING' | 'TOOL_ARGUMENTS'

/** A finished part of a message. */
export type StoredPart = { kind: 'TEXT' | 'REASONING'; text: string }

export type Tables = {
  server: ServerTable
  process: ProcessTable
  viewer: ViewerTable
  conversation: ConversationTable
  conversation_viewer: ConversationViewerTable
  message: MessageTable
  message_parent: MessageParentTable
  generation: GenerationTable
  chunk: ChunkTable
  ledger: LedgerTable
  conversation_event: ConversationEventTable
  viewer_event: ViewerEventTable
  idempotency: IdempotencyTable
}

/** One row: the incarnation changes when the database is made anew, so that old cursors are known as foreign. */
type ServerTable = { id: Generated<boolean>; incarnation: Generated<string> }

/** A server process that owns runs; it is dead once `expires_at` has passed. */
type ProcessTable = { id: ProcessId; started_at: Generated<Date>; expires_at: Date }

type ViewerTable = {
  id: ViewerId
  /** Portable, stable name: what a message's hash knows of its author. */
  handle: string
  name: string
  email: string | null
  role: 'ADMIN' | 'MEMBER' | 'GUEST'
  last_seq: Generated<number>
  created_at: Timestamp
}

type ConversationTable = {
  id: ConversationId
  owner_id: ViewerId
  /** Null until somebody gives one or the first message lends its beginning. */
  title: string | null
  system_prompt: string | null
  /** `provider:name`. */
  default_model: string | null
  /** Null: the server's. */
  recovery: RecoveryPolicy | null
  created_at: Timestamp
  updated_at: Timestamp
  archived_at: Date | null
  deleted_at: Date | null
  /** `seq` of its newest event: moved under the row's lock, in the transaction that makes the fact true. */
  last_seq: Generated<number>
  message_count: Generated<number>
  /** Newest message's beginning, at most 200 characters. */
  preview: string | null
}

/** What of a conversation differs per viewer. */
type ConversationViewerTable = {
  conversation_id: ConversationId
  viewer_id: ViewerId
  head_id: MessageId | null
  starred: Generated<boolean>
}

type MessageTable = {
  id: MessageId
  conversation_id: ConversationId
  /** Steps to the root along first parents. */
  depth: number
  role: Role
  status: MessageStatus
  author_id: ViewerId | null
  /** `provider:name`. */
  model: string | null
  /** Null while under way: then the text is in `chunk`. */
  parts: JSONColumnType<StoredPart[], string | null, string | null> | null
  hash: string | null
  /** Whether it only asks the model to go on with its parent, an answer that was cut. */
  is_continuation: Generated<boolean>
  created_at: Timestamp
}

type MessageParentTable = { message_id: MessageId; position: number; parent_id: MessageId }

type GenerationTable = {
  id: GenerationId
  conversation_id: ConversationId
  message_id: MessageId
  /** For whom it runs; null in rows that are older than this column: for the conversation's owner. */
  viewer_id: ViewerId | null
  status: GenerationStatus
  /** `provider:name`. */
  model: string
  parameters: JSONColumnType<Parameters, string, string>
  attempt: Generated<number>
  revision: Generated<number>
  owner_id: ProcessId | null
  /** Counts takeovers: a writer of an older epoch is fenced off. */
  epoch: Generated<number>
  /** How many processes died while they ran it. */
  lost_processes: Generated<number>
  /** How many answers before it, without a gap, were cut off and went on by themselves. */
  continuations: Generated<number>
  /** How many of those, the last ones in a row, brought little. */
  idle_continuations: Generated<number>
  queued_at: Timestamp
  started_at: Date | null
  finished_at: Date | null
  first_token_at: Date | null
  finish_reason: FinishReason | null
  failure_code: FailureCode | null
  failure_message: string | null
  failure_retryable: boolean | null
  failure_retry_at: Date | null
  input_tokens: number | null
  output_tokens: number | null
  cached_tokens: number | null
  reasoning_tokens: number | null
  usage_estimated: Generated<boolean>
  /** US dollars, an exact decimal; null: unknown. */
  cost: string | null
  /** When what was committed: flat triples of part, end offset and milliseconds since `started_at`. */
  timeline: number[] | null
}

/** What one attempt of a run used. Rows are only ever added, and outlive what they tell of. */
type LedgerTable = {
  id: GeneratedAlways<string>
  /** When the attempt ended. */
  at: Timestamp
  /** On whose behalf. */
  viewer_id: ViewerId
  conversation_id: ConversationId
  generation_id: GenerationId
  epoch: number
  attempt: number
  /** `provider:name`. */
  model: string
  outcome: AttemptOutcome
  /** Tokens, those read from and written to the provider's cache among them. */
  input_tokens: number | null
  output_tokens: number | null
  cache_read_tokens: number | null
  cache_write_tokens: number | null
  reasoning_tokens: number | null
  is_estimated: boolean
  /** US dollars, an exact decimal; null: unknown. */
  cost: string | null
  cost_source: CostSource | null
  /** Those that the cost was computed with. */
  prices: JSONColumnType<Prices, string, never> | null
}

export type AttemptOutcome = 'COMPLETED' | 'CANCELED' | 'FAILED' | 'INTERRUPTED'
export type CostSource = 'PROVIDER' | 'PRICES'

/** Committed text of a run under way, folded into its message when the run ends. */
type ChunkTable = {
  generation_id: GenerationId
  part: number
  /** UTF-16 units from the part's beginning. */
  start: number
  /** UTF-16 units: the database counts characters otherwise. */
  length: number
  kind: ChunkKind
  text: string
  at: Timestamp
  xid: TransactionId
}

export type ConversationEventType =
  | 'MESSAGE_CHANGED'
  | 'GENERATION_CHANGED'
  | 'GENERATION_FINISHED'
  | 'CONVERSATION_CHANGED'
  | 'CONVERSATION_REMOVED'

type ConversationEventTable = {
  conversation_id: ConversationId
  seq: number
  at: Timestamp
  xid: TransactionId
  type: ConversationEventType
  message_id: MessageId | null
  generation_id: GenerationId | null
  /** Of the mutation that caused it, with the viewer who called it: nobody else is shown it. */
  client_mutation_id: string | null
  viewer_id: ViewerId | null
}

export type ViewerEventType = 'CONVERSATION_CHANGED' | 'CONVERSATION_REMOVED'

type ViewerEventTable = {
  viewer_id: ViewerId
  seq: number
  at: Timestamp
  xid: TransactionId
  type: ViewerEventType
  conversation_id: ConversationId
  client_mutation_id: string | null
}

type IdempotencyTable = {
  viewer_id: ViewerId
  mutation: string
  key: string
  input_hash: string
  /** Ids of the entities that the mutation returned; null until it has. */
  result: JSONColumnType<Record<string, string>, string, string> | null
  created_at: Timestamp
}

export type ViewerRow = Selectable<ViewerTable>
export type ConversationRow = Selectable<ConversationTable>
export type MessageRow = Selectable<MessageTable>
export type GenerationRow = Selectable<GenerationTable>
export type ConversationEventRow = Selectable<ConversationEventTable>
export type ViewerEventRow = Selectable<ViewerEventTable>
export type NewMessage = Insertable<MessageTable>
