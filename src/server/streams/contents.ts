import { setImmediate } from 'node:timers'
import { sql } from 'kysely'
import type { Db } from '../db/connect.ts'
import type { ChunkKind, GenerationStatus, StoredPart } from '../db/tables.ts'
import type { GenerationId, MessageId } from '../ids.ts'
import { addChunks, addTail, type Content, emptyContent, endOf, setParts, type Tail } from './content.ts'

/** Runs that one statement reads at the most: each of them may bring a whole answer. */
const runsPerRead = 100

/**
 * The committed content of runs, shared by all their readers in this process. A run that this process writes is
 * pushed here by its log; any other one is read from the database when somebody looks.
 */
export class Contents {
  readonly #db: Db
  readonly #own = new Map<GenerationId, Content>()
  readonly #read = new Map<GenerationId, WeakRef<Content>>()
  /** Runs that somebody waits for: one statement at a time reads all of them. */
  readonly #wanted = new Map<GenerationId, PromiseWithResolvers<Content>>()
  #isReading = false
  readonly #forget = new FinalizationRegistry<GenerationId>((id) => {
    if (!this.#read.get(id)?.deref()) this.#read.delete(id)
  })

  constructor(db: Db) {
    this.#db = db
  }

  /** Begins the content of a run that this process writes. */
  own(id: GenerationId, messageId: MessageId): Content {
    const content = emptyContent(messageId)
    this.#own.set(id, content)
    return content
  }

  /**
   * From now on the database is read again. The content is not marked as ended: a commit of its last text may
   * still be waiting to be heard of here.
   */
  disown(id: GenerationId): void {
    this.#own.delete(id)
  }

  /** The content of a run that this process writes. */
  ownOf(id: GenerationId): Content | undefined {
    return this.#own.get(id)
  }

  /** The content of a run whose text other processes send here after its commit, as far as that is known here. */
  heldOf(id: GenerationId): Content | undefined {
    return this.#own.get(id) ?? this.#read.get(id)?.deref()
  }

  /**
   * Takes what another process has just committed, if it follows exactly what is held here of the run. False where
   * that is not so, or nobody reads the run here: then the database has to be asked.
   */
  extend(tail: Tail): boolean {
    const held = this.#read.get(tail.generationId)?.deref()
    return held !== undefined && !this.#own.has(tail.generationId) && addTail(held, tail)
  }

  /**
   * What is committed of a run now. With `ended`, its end is known to be committed, and all of it is returned even
   * where this process has not heard of that yet.
   */
  async of(id: GenerationId, { ended = false } = {}): Promise<Content> {
    const own = this.#own.get(id)
    if (own && !ended) return own
    const held = this.#read.get(id)?.deref()
    if (held?.ended) return held
    const wanted = this.#wanted.get(id) ?? Promise.withResolvers<Content>()
    this.#wanted.set(id, wanted)
    if (!this.#isReading) void this.#readWanted()
    return wanted.promise
  }

  /**
   * A read that is under way may have begun before what a caller was woken for, so it is never shared with later
   * callers: they gather for the next one.
   */
  async #readWanted(): Promise<void> {
    this.#isReading = true
    while (this.#wanted.size > 0) {
      // Let everybody join who was woken with the first one.
      await new Promise(setImmediate)
      const wanted = [...this.#wanted].slice(0, runsPerRead)
      for (const [id] of wanted) this.#wanted.delete(id)
      await this.#readAll(new Map(wanted))
    }
    this.#isReading = false
  }

  async #readAll(wanted: ReadonlyMap<GenerationId, PromiseWithResolvers<Content>>): Promise<void> {
    try {
      const held = [...wanted.keys()].map((id) => ({ id, content: this.#read.get(id)?.deref() ?? null }))
      const runs = await readRuns(this.#db, held)
      for (const { id, content } of held) {
        const run = runs.get(id)
        if (run) wanted.get(id)?.resolve(this.#take(id, content, run))
        else wanted.get(id)?.reject(new Error(`Cannot read the text of run ${id}: there is no such run`))
      }
    } catch (error) {
      for (const { reject } of wanted.values()) reject(error)
    }
  }

  #take(id: GenerationId, held: Content | null, run: Run): Content {
    const content = held ?? emptyContent(run.messageId)
    if (run.revision !== content.revision) {
      content.parts.length = 0
      content.revision = run.revision
    }
    if (run.parts) setParts(content, run.parts)
    else
      addChunks(
        content,
        run.chunks.map(([part, start, kind, text]) => ({ part, start, kind, text })),
      )
    content.ended = run.status !== 'QUEUED' && run.status !== 'RUNNING'
    content.at = run.at
    this.#remember(id, content)
    return content
  }

  #remember(id: GenerationId, content: Content): void {
    if (this.#read.get(id)?.deref() === content) return
    this.#read.set(id, new WeakRef(content))
    this.#forget.register(content, id)
  }
}

type Held = { readonly id: GenerationId; readonly content: Content | null }

type Run = {
  id: GenerationId
  messageId: MessageId
  status: GenerationStatus
  revision: number
  parts: StoredPart[] | null
  chunks: [number, number, ChunkKind, string][]
  at: Date
}

/**
 * Status, message and the chunks that are not held, in one statement: the end of a run moves one into the other. What
 * is held is told by one place, and not by a condition on the revision beside it, with which the index would be of no
 * use: every read would look at all of the run.
 */
async function readRuns(db: Db, held: readonly Held[]): Promise<Map<GenerationId, Run>> {
  const places = held.map(({ content }) => endOf(content ?? { parts: [] }))
  const { rows } = await sql<Run>`
    select run.id, run.message_id as "messageId", run.status, run.revision, message.parts,
      coalesce(run.finished_at, clock_timestamp()) as at,
      (select coalesce(json_agg(json_build_array(part, start, kind, text) order by part, start), '[]')
       from chunk where generation_id = run.id and (part, start) >= (
         case when run.revision = held.revision then held.part else 0 end,
         case when run.revision = held.revision then held.start else 0 end)) as chunks
    from unnest(
      ${held.map(({ id }) => id)}::uuid[], ${held.map(({ content }) => content?.revision ?? 0)}::integer[],
      ${places.map(({ part }) => part)}::integer[], ${places.map(({ start }) => start)}::integer[]
    ) as held (id, revision, part, start)
    join generation run on run.id = held.id
    join message on message.id = run.message_id`.execute(db)
  return new Map(rows.map((run) => [run.id, run]))
}
