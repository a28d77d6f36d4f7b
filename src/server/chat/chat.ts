import type { Db } from '../db/connect.ts'
import type { GenerationRow, RecoveryPolicy } from '../db/tables.ts'
import type { GenerationId, ProcessId } from '../ids.ts'
import type { Limits } from '../limits/limits.ts'
import type { Models } from '../llm/models.ts'
import type { TokenUsage } from '../llm/provider.ts'
import type { Logger } from '../log.ts'
import type { Streams } from '../streams/reader.ts'

/** What every operation on conversations works with. */
export type Chat = {
  readonly db: Db
  readonly streams: Streams
  readonly models: Models
  readonly runner: Runner
  readonly limits: Pick<Limits, 'messageLength' | 'runsPerConversation' | 'queuedRuns' | 'cost'>
  /** What becomes of cut answers where a conversation does not say. */
  readonly recovery: RecoveryPolicy
  readonly log: Logger
}

/** What a process has to know of a run to write it. */
export type Run = Pick<
  GenerationRow,
  'id' | 'conversation_id' | 'message_id' | 'model' | 'parameters' | 'epoch'
>

/** Runs models for generations, beside everything else. */
export interface Runner {
  /**
   * Takes room for a run of `model` (`provider:name`), at once and before anything of it is written, so that runs
   * never exceed it. Answers with the process that the run is to belong to; null where there is no room, or the
   * process takes no more runs: it is to be queued.
   */
  reserve(id: GenerationId, model: string): ProcessId | null
  /** Gives back room that was taken for a run which came to nothing. */
  release(id: GenerationId): void
  /** Runs a generation that has its room. Returns at once; call it after the commit. */
  start(run: Run): void
  /** Stops a run of this process whose end somebody has committed. */
  stop(id: GenerationId): void
  /** What the provider has reported so far, where this process runs it. */
  usage(id: GenerationId): TokenUsage | null
}
