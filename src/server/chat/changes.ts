import { type InsertObject, type OperationNodeSource, sql } from 'kysely'
import type { Tx } from '../db/connect.ts'
import type { ConversationEventType, Tables, ViewerEventType } from '../db/tables.ts'
import type { ConversationId, GenerationId, MessageId, ViewerId } from '../ids.ts'
import type { Topic } from '../streams/wake-ups.ts'

/** On whose behalf something happens; only that viewer is shown the `clientMutationId`. */
export type Cause = { readonly viewer: { readonly id: ViewerId }; readonly clientMutationId: string | null }

export type NewEvent = {
  readonly type: ConversationEventType
  readonly messageId?: MessageId
  readonly generationId?: GenerationId
}

type NewRows = {
  readonly [Table in 'message' | 'message_parent' | 'generation' | 'conversation_viewer']: InsertObject<
    Tables,
    Table
  >[]
}

/** A statement that nobody waits for. */
type Statement = OperationNodeSource & { execute(): Promise<unknown> }

/**
 * Gathers what a transaction adds to its conversation, and writes all of it before the commit, in one statement:
 * that takes a fraction of the time that one for each row would. The transaction itself does not see it before.
 *
 * `seq` of events comes from the conversation's row, whose lock is then held until the end, so that events become
 * visible in order. A viewer's row is locked last, by whoever has a conversation's lock already.
 */
export class Changes {
  readonly #rows: NewRows = { message: [], message_parent: [], generation: [], conversation_viewer: [] }
  readonly #others: Statement[] = []
  readonly #events: NewEvent[] = []
  #conversation: ConversationId | null = null
  #title: string | null = null
  #preview: string | null = null
  #viewerEvent: ViewerEventType | null = null
  #isUpdated = false

  /** Adds a row. Rows of one table are added in this order. A viewer's head replaces the one that is there. */
  add<Table extends keyof NewRows>(table: Table, row: NewRows[Table][number]): void {
    const rows: NewRows[Table][number][] = this.#rows[table]
    rows.push(row)
  }

  /** Takes along a statement on rows that nothing else here touches. */
  addStatement(statement: Statement): void {
    this.#others.push(statement)
  }

  /** Notes a durable event; it is written after those noted before. */
  note(id: ConversationId, event: NewEvent): void {
    this.#changeIn(id)
    this.#events.push(event)
  }

  /** Notes that something was said, with its beginning where it has one already. */
  noteText(id: ConversationId, preview: string | null): void {
    this.#changeIn(id)
    this.#preview = preview || this.#preview
    this.#isUpdated = true
  }

  /** Notes what to call a conversation that has no title yet. */
  noteTitle(id: ConversationId, title: string): void {
    this.#changeIn(id)
    this.#title = title
  }

  /** Tells the conversation's readers and everybody's lists that it is another one now, or gone. */
  announce(id: ConversationId, type: ViewerEventType = 'CONVERSATION_CHANGED'): void {
    this.#changeIn(id)
    this.#viewerEvent = type
  }

  /** Writes all of it, and returns what readers are to be woken for. */
  async write(tx: Tx, cause: Cause | null): Promise<Topic[]> {
    const statements = [...this.#insertions(tx), ...this.#others]
    if (this.#conversation) return this.#writeWithEvents(tx, this.#conversation, statements, cause)
    for (const statement of statements) await statement.execute()
    return []
  }

  /** Locks are taken in one order everywhere because nobody holds those of two conversations. */
  #changeIn(id: ConversationId): void {
    if (this.#conversation !== null && this.#conversation !== id)
      throw new Error('Cannot change two conversations in one transaction')
    this.#conversation = id
  }

  #insertions(tx: Tx): Statement[] {
    const { message, message_parent, generation, conversation_viewer } = this.#rows
    return [
      ...(message.length > 0 ? [tx.insertInto('message').values(message)] : []),
      ...(message_parent.length > 0 ? [tx.insertInto('message_parent').values(message_parent)] : []),
      ...(generation.length > 0 ? [tx.insertInto('generation').values(generation)] : []),
      ...conversation_viewer.map((row) =>
        tx
          .insertInto('conversation_viewer')
          .values(row)
          .onConflict((conflict) =>
            conflict.columns(['conversation_id', 'viewer_id']).doUpdateSet({ head_id: row.head_id ?? null }),
          ),
      ),
    ]
  }

  /** Statements of one `with` see nothing of each other; foreign keys are checked when all of them are through. */
  async #writeWithEvents(
    tx: Tx,
    id: ConversationId,
    statements: readonly Statement[],
    cause: Cause | null,
  ): Promise<Topic[]> {
    const announced = this.#viewerEvent
    const events: NewEvent[] = announced ? [...this.#events, { type: announced }] : this.#events
    const also = statements.map((statement, index) => sql`${sql.ref(`also_${index}`)} as (${statement}),`)
    const { rows } = await sql<{ viewer_id: ViewerId }>`
      with ${sql.join(also, sql` `)} changed as (
        update conversation set
          last_seq = last_seq + ${events.length},
          message_count = message_count + ${this.#rows.message.length},
          title = coalesce(title, ${this.#title}),
          preview = coalesce(${this.#preview}, preview),
          updated_at = case when ${this.#isUpdated} then clock_timestamp() else updated_at end
        where id = ${id}
        returning owner_id, last_seq - ${events.length} as seq
      ), told as (
        insert into conversation_event
          (conversation_id, seq, type, message_id, generation_id, client_mutation_id, viewer_id)
        select ${id}, changed.seq + position, type, message_id, generation_id,
          ${cause?.clientMutationId ?? null}, ${cause?.viewer.id ?? null}
        from changed, unnest(
          ${events.map(({ type }) => type)}::text[],
          ${events.map(({ messageId }) => messageId ?? null)}::uuid[],
          ${events.map(({ generationId }) => generationId ?? null)}::uuid[]
        ) with ordinality as event (type, message_id, generation_id, position)
      ), viewers as (
        update viewer set last_seq = last_seq + 1
        where ${announced}::text is not null and id in (select owner_id from changed)
        returning id, last_seq
      )
      insert into viewer_event (viewer_id, seq, type, conversation_id, client_mutation_id)
      select id, last_seq, ${announced}, ${id},
        case when id = ${cause?.viewer.id ?? null}::uuid then ${cause?.clientMutationId ?? null} end
      from viewers returning viewer_id`.execute(tx)
    return [`conversation:${id}`, ...rows.map(({ viewer_id }) => `viewer:${viewer_id}` as const)]
  }
}
