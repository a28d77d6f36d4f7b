import type { Db } from '../db/connect.ts'
import type { GenerationRow } from '../db/tables.ts'
import type { GenerationId, ProcessId } from '../ids.ts'
import type { Limits } from '../limits/limits.ts'
import type { Models } from '../llm/models.ts'
import type { TokenUsage } from '../llm/provider.ts'
import type { Logger } from '../log.ts'
import type { Streams } from '../streams/follow.ts'

/** What every operation on conversations works with. */
export type Chat = {
  readonly db: Db
  readonly streams: Streams
  readonly models: Models
  readonly runner: Runner
  readonly limits: Pick<Limits, 'messageLength' | 'runsPerConversation' | 'cost'>
  readonly log: Logger
}

/** Runs models for generations, beside everything else. */
export interface Runner {
  /** The process that new runs belong to; null while it takes none: they are queued for others. */
  readonly owner: ProcessId | null
  /** Runs a generation that this process owns. Returns at once; call it after the commit. */
  start(run: GenerationRow): void
  /** Stops a run of this process whose end somebody has committed. */
  stop(id: GenerationId): void
  /** What the provider has reported so far, where this process runs it. */
  usage(id: GenerationId): TokenUsage | null
}
