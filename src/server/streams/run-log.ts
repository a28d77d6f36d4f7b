import { sql } from 'kysely'
import { untilAvailable } from '../db/available.ts'
import { type Db, isAboutData } from '../db/connect.ts'
import type { ChunkKind } from '../db/tables.ts'
import { UnavailableError } from '../errors.ts'
import type { GenerationId } from '../ids.ts'
import type { Logger } from '../log.ts'
import { addChunks, type Chunk, type Content, type Tail } from './content.ts'
import type { WakeUps } from './wake-ups.ts'

/** The right to write one run: whoever holds an older epoch is fenced off. */
export type Lease = { readonly generationId: GenerationId; readonly epoch: number }

/** A write that came too late: the run has ended, or another process has taken it over. */
export class FencedError extends Error {
  override name = 'FencedError'
}

export type RunLogOptions = {
  readonly db: Db
  readonly wakeUps: WakeUps
  readonly log: Logger
  /** Shortest time between two commits while the log is busy, in milliseconds. A crowd stretches it. */
  readonly flushInterval: number
}

/**
 * Runs in one batch, or readers of it, from which on commits become rarer, in proportion, up to so many times: what
 * they cost grows with these numbers, and a reader sees little difference between 20 and 80 milliseconds.
 */
const crowd = { size: 20, mostStretch: 4 }

/** UTF-16 units that one run may have waiting before its writer is held back. */
const highWater = 256 * 1024

/**
 * The log of all runs that this process writes. Text is committed first and shown second: one statement commits
 * what all runs have gathered, and only then does it become content for readers.
 *
 * An idle log commits at once; a busy one at most once per flush interval, but for what somebody waits for: a run's
 * first text, and its end. Those go by themselves, and the others go on gathering. While a commit is under way the next
 * batch gathers.
 */
export class RunLog {
  readonly #options: RunLogOptions
  readonly #closing = new AbortController()
  #isCommitting = false
  /** What is committed when the interval is over. */
  #later = new Gathering()
  /** What is committed at once. */
  #urgent = new Gathering()
  #hurry: () => void = () => {}
  /** When what gathers for the interval was last committed. */
  #lastCommit = 0
  #lastDuration = 0
  #crowd = 0

  constructor(options: RunLogOptions) {
    this.#options = options
  }

  /** Opens a run for writing. `content` is what readers in this process see of it. */
  open(lease: Lease, content: Content): RunWriter {
    return new RunWriter(this, lease, content)
  }

  /** Goes on committing, but from now on a database that is away is not waited for. */
  close(): void {
    this.#closing.abort()
  }

  /**
   * Called by writers: the text that they hold is committed with the next batch, or at once if `urgent`. Resolves when
   * that is through, whatever others still write.
   */
  commitSoon(writer: RunWriter, urgent: boolean): Promise<void> {
    const gathering = urgent ? this.#urgent : this.#later
    gathering.writers.add(writer)
    if (urgent) this.#hurry()
    if (!this.#isCommitting) void this.#commitWhileDirty()
    return gathering.through
  }

  async #commitWhileDirty(): Promise<void> {
    this.#isCommitting = true
    // Let what arrives in this very turn of the event loop join the first batch.
    await Promise.resolve()
    while (this.#later.writers.size > 0 || this.#urgent.writers.size > 0) {
      if (await this.#isDue()) await this.#commitAll()
      else await this.#commitUrgent()
    }
    this.#isCommitting = false
  }

  /** Waits until there is something to commit: all of it when the interval is over, before that what is urgent. */
  async #isDue(): Promise<boolean> {
    const wait = this.#lastCommit + this.#interval() - performance.now()
    if (wait <= 0) return true
    if (this.#urgent.writers.size > 0) return false
    const { promise, resolve } = Promise.withResolvers<boolean>()
    const timer = setTimeout(resolve, wait, true)
    this.#hurry = () => resolve(false)
    const isDue = await promise
    clearTimeout(timer)
    return isDue
  }

  async #commitAll(): Promise<void> {
    const [urgent, later] = [this.#urgent, this.#later]
    this.#urgent = new Gathering()
    this.#later = new Gathering()
    this.#lastCommit = performance.now()
    const writers = [...new Set([...urgent.writers, ...later.writers])]
    const readers = await this.#commit(writers)
    this.#crowd = Math.max(writers.length, readers)
    this.#lastDuration = performance.now() - this.#lastCommit
    urgent.end()
    later.end()
  }

  async #commitUrgent(): Promise<void> {
    const urgent = this.#urgent
    this.#urgent = new Gathering()
    await this.#commit([...urgent.writers])
    urgent.end()
  }

  /** From one commit to the next. Stretched, it takes in what a commit takes: no text waits for longer than that. */
  #interval(): number {
    const { flushInterval } = this.#options
    const stretch = Math.min(this.#crowd / crowd.size, crowd.mostStretch)
    return Math.max(flushInterval, flushInterval * stretch - this.#lastDuration)
  }

  /** Commits what these writers hold. Returns how many readers were shown something. */
  async #commit(writers: readonly RunWriter[]): Promise<number> {
    const batch = writers.map((writer) => ({ writer, chunks: writer.take() }))
    try {
      return this.#show(batch, await this.#insert(batch))
    } catch (error) {
      if (error instanceof UnavailableError) return this.#giveUp(batch, error)
      this.#options.log.warn(
        { err: error, runs: batch.length },
        'a commit of the log failed, and is tried again',
      )
      // One run whose text the database refuses must not take the others with it.
      const tries = isAboutData(error) ? batch.map((one) => [one]) : [batch]
      let readers = 0
      for (const again of tries) readers += await this.#commitAgain(again)
      return readers
    }
  }

  async #commitAgain(batch: readonly Batch[]): Promise<number> {
    try {
      return this.#show(batch, await this.#insert(batch))
    } catch (error) {
      for (const { writer } of batch) writer.failed(error)
      return 0
    }
  }

  #giveUp(batch: readonly Batch[], error: UnavailableError): number {
    this.#options.log.warn({ runs: batch.length }, 'the database is away: the last text of runs is not kept')
    for (const { writer } of batch) writer.failed(error)
    return 0
  }

  /**
   * A database that is away costs a run nothing: its text waits, its writer is held back once that is much, and what
   * the database answers when it is back decides, be it that somebody else has the run by then. Only a stop ends that.
   */
  #insert(batch: readonly Batch[]): Promise<Map<GenerationId, Date>> {
    return untilAvailable(() => insertChunks(this.#options.db, batch), this.#closing.signal)
  }

  #show(batch: readonly Batch[], committed: ReadonlyMap<GenerationId, Date>): number {
    for (const { writer, chunks } of batch)
      writer.committed(chunks, committed.get(writer.lease.generationId) ?? null)
    const tails = batch.flatMap(({ writer, chunks }) => tailOf(writer, chunks, committed) ?? [])
    const topics = tails.map(({ generationId }) => `run:${generationId}` as const)
    return this.#options.wakeUps.wake(topics, tails)
  }
}

/** Runs whose text goes with one commit. */
class Gathering {
  readonly writers = new Set<RunWriter>()
  readonly #through = Promise.withResolvers<void>()

  /** Resolves when their text is committed, or never will be. */
  get through(): Promise<void> {
    return this.#through.promise
  }

  end(): void {
    this.#through.resolve()
  }
}

/** Writes one run, in order. Not for use by several callers at once. */
export class RunWriter {
  readonly lease: Lease
  readonly #log: RunLog
  readonly #content: Content
  readonly #lengths: number[] = []
  #waiting: Chunk[] = []
  #waitingLength = 0
  /** The batch that has, or will have, the newest text. */
  #batch: Promise<void> = Promise.resolve()
  readonly #failure = new AbortController()

  constructor(log: RunLog, lease: Lease, content: Content) {
    this.#log = log
    this.lease = lease
    this.#content = content
  }

  /** Aborts, with the error that {@link append} throws, once nothing of this run will be committed any more. */
  get failure(): AbortSignal {
    return this.#failure.signal
  }

  get revision(): number {
    return this.#content.revision
  }

  /** Whether nothing of this run has been committed yet: somebody is waiting for its first word. */
  get urgent(): boolean {
    return this.#content.parts.length === 0
  }

  /**
   * Appends text to a part. Resolves at once while little is waiting, else when that is committed, which holds the
   * caller back. Throws FencedError when the run is no longer this lease's, or what the database said.
   */
  async append(part: number, kind: ChunkKind, text: string): Promise<void> {
    this.failure.throwIfAborted()
    this.#enqueue(part, kind, text)
    this.#batch = this.#log.commitSoon(this, this.urgent)
    if (this.#waitingLength > highWater) await this.#batch
  }

  /** Resolves when everything appended so far is committed; throws as {@link append} does when it never will be. */
  async settled(): Promise<void> {
    if (this.#waiting.length > 0) this.#batch = this.#log.commitSoon(this, true)
    await this.#batch
    this.failure.throwIfAborted()
  }

  /** Hands what is waiting to the log. */
  take(): Chunk[] {
    const chunks = this.#waiting
    this.#waiting = []
    this.#waitingLength = 0
    return chunks
  }

  /** Called after the commit, with its time; null when the run was fenced off. */
  committed(chunks: readonly Chunk[], at: Date | null): void {
    if (!at && chunks.length > 0)
      return this.failed(new FencedError('Cannot append: the run is no longer this one’s'))
    addChunks(this.#content, chunks)
    if (at) this.#content.at = at
  }

  failed(error: unknown): void {
    this.#waiting = []
    this.#failure.abort(error)
  }

  #enqueue(part: number, kind: ChunkKind, text: string): void {
    const start = this.#lengths[part] ?? 0
    this.#lengths[part] = start + text.length
    this.#waitingLength += text.length
    const last = this.#waiting.at(-1)
    if (last?.part === part) this.#waiting[this.#waiting.length - 1] = { ...last, text: last.text + text }
    else this.#waiting.push({ part, start, kind, text })
  }
}

function tailOf(
  { lease: { generationId }, revision }: RunWriter,
  chunks: readonly Chunk[],
  committed: ReadonlyMap<GenerationId, Date>,
): Tail | null {
  const at = committed.get(generationId)
  return at ? { generationId, revision, at, chunks } : null
}

type Batch = { readonly writer: RunWriter; readonly chunks: readonly Chunk[] }

/**
 * Inserts the chunks of every run that is still its lease's, and says which runs those are. The share lock makes
 * an end or a takeover of a run wait for this commit, or this commit see it. Inserting the same again is no failure: a
 * batch is repeated when its commit was not confirmed, which does not mean that it was not made.
 */
async function insertChunks(db: Db, batch: readonly Batch[]): Promise<Map<GenerationId, Date>> {
  const rows = batch.flatMap(({ writer, chunks }) => chunks.map((chunk) => ({ ...writer.lease, ...chunk })))
  if (rows.length === 0) return new Map()
  const { rows: inserted } = await sql<{ generation_id: GenerationId; at: Date }>`
    with batch as (
      select * from unnest(
        ${rows.map((row) => row.generationId)}::uuid[], ${rows.map((row) => row.epoch)}::integer[],
        ${rows.map((row) => row.part)}::integer[], ${rows.map((row) => row.start)}::integer[],
        ${rows.map((row) => row.text.length)}::integer[], ${rows.map((row) => row.kind)}::text[],
        ${rows.map((row) => row.text)}::text[]
      ) as row (generation_id, epoch, part, start, length, kind, text)
    ), held as (
      select id, epoch from generation
      where id in (select generation_id from batch) and status = 'RUNNING'
      order by id for share
    )
    insert into chunk (generation_id, part, start, length, kind, text)
    select batch.generation_id, part, start, length, kind, text
    from batch join held on held.id = batch.generation_id and held.epoch = batch.epoch
    on conflict (generation_id, part, start) do update set text = excluded.text
    returning generation_id, at`.execute(db)
  return new Map(inserted.map((row) => [row.generation_id, row.at]))
}
