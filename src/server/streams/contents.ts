import { sql } from 'kysely'
import type { Db } from '../db/connect.ts'
import type { ChunkKind, GenerationStatus, StoredPart } from '../db/tables.ts'
import type { GenerationId, MessageId } from '../ids.ts'
import { addChunks, type Content, emptyContent, setParts } from './content.ts'

/**
 * The committed content of runs, shared by all their readers in this process. A run that this process writes is
 * pushed here by its log; any other one is read from the database when somebody looks.
 */
export class Contents {
  readonly #db: Db
  readonly #own = new Map<GenerationId, Content>()
  readonly #read = new Map<GenerationId, WeakRef<Content>>()
  readonly #reading = new Map<GenerationId, Reading>()
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

  /**
   * What is committed of a run now. With `ended`, its end is known to be committed, and all of it is returned even
   * where this process has not heard of that yet.
   */
  async of(id: GenerationId, { ended = false } = {}): Promise<Content> {
    const own = this.#own.get(id)
    if (own && !ended) return own
    const held = this.#read.get(id)?.deref()
    if (held?.ended) return held
    const reading = this.#reading.get(id)
    if (!reading) return this.#begin(id)
    // The read under way may have begun before what the caller was woken for: share the one after it.
    const begin = () => this.#begin(id)
    reading.next ??= reading.now.then(begin, begin)
    return reading.next
  }

  #begin(id: GenerationId): Promise<Content> {
    const now = this.#load(id, this.#read.get(id)?.deref() ?? null)
    const reading: Reading = { now, next: null }
    this.#reading.set(id, reading)
    const done = () => void (this.#reading.get(id) === reading && this.#reading.delete(id))
    now.then(done, done)
    return now
  }

  async #load(id: GenerationId, held: Content | null): Promise<Content> {
    const run = await readRun(this.#db, id, held)
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

type Reading = { readonly now: Promise<Content>; next: Promise<Content> | null }

type Run = {
  messageId: MessageId
  status: GenerationStatus
  revision: number
  parts: StoredPart[] | null
  chunks: [number, number, ChunkKind, string][]
  at: Date
}

/** Status, message and the chunks that are not held, in one statement: the end of a run moves one into the other. */
async function readRun(db: Db, id: GenerationId, held: Content | null): Promise<Run> {
  const part = Math.max((held?.parts.length ?? 0) - 1, 0)
  const start = held?.parts[part]?.text.length ?? 0
  const { rows } = await sql<Run>`
    select run.message_id as "messageId", run.status, run.revision, message.parts,
      coalesce(run.finished_at, clock_timestamp()) as at,
      (select coalesce(json_agg(json_build_array(part, start, kind, text) order by part, start), '[]')
       from chunk where generation_id = run.id
         and (run.revision <> ${held?.revision ?? 0} or (part, start) >= (${part}::integer, ${start}::integer))) as chunks
    from generation run join message on message.id = run.message_id
    where run.id = ${id}`.execute(db)
  const [run] = rows
  if (!run) throw new Error(`Cannot read the text of run ${id}: there is no such run`)
  return run
}
