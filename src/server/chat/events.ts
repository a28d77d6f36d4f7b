import { sql } from 'kysely'
import type { Tx } from '../db/connect.ts'
import type { ConversationEventType, ViewerEventType } from '../db/tables.ts'
import type { ConversationId, GenerationId, MessageId, ViewerId } from '../ids.ts'
import type { Topic } from '../streams/wake-ups.ts'

/** On whose behalf something happens; only that viewer is shown the `clientMutationId`. */
export type Cause = { readonly viewer: { readonly id: ViewerId }; readonly clientMutationId: string | null }

export type NewEvent = {
  readonly type: ConversationEventType
  readonly messageId?: MessageId
  readonly generationId?: GenerationId
}

/** What one transaction does to one conversation, gathered to be written at once. */
type Changes = {
  readonly events: NewEvent[]
  messages: number
  /** For one that has none. */
  title: string | null
  preview: string | null
  /** What is told to everybody who has the conversation in a list. */
  viewerEvent: ViewerEventType | null
  /** Whether something was said or changed, which brings it to the top of a list. */
  isUpdated: boolean
}

/**
 * Gathers what a transaction changes about conversations, and writes it before the commit: `seq` comes from the
 * conversation's row, whose lock is then held until the end, so that events become visible in order.
 */
export class ConversationChanges {
  readonly #changes = new Map<ConversationId, Changes>()

  /** Notes a durable event; it is written after those noted before. */
  note(id: ConversationId, event: NewEvent): void {
    this.#of(id).events.push(event)
  }

  /** Notes a message more, with its beginning where it has one already. */
  noteMessage(id: ConversationId, preview: string | null): void {
    const changes = this.#of(id)
    changes.messages += 1
    this.noteText(id, preview)
  }

  /** Notes that something was said. */
  noteText(id: ConversationId, preview: string | null): void {
    const changes = this.#of(id)
    changes.preview = preview || changes.preview
    changes.isUpdated = true
  }

  /** Notes what to call a conversation that has no title yet. */
  noteTitle(id: ConversationId, title: string): void {
    this.#of(id).title = title
  }

  /** Tells the conversation's readers and everybody's lists that it is another one now, or gone. */
  announce(id: ConversationId, type: ViewerEventType = 'CONVERSATION_CHANGED'): void {
    this.#of(id).viewerEvent = type
  }

  /** Writes all of it, viewers' events last, as their lock is, and returns what readers are to be woken for. */
  async write(tx: Tx, cause: Cause | null): Promise<Topic[]> {
    const topics: Topic[] = []
    for (const [id, changes] of this.#changes) {
      await writeEvents(tx, id, changes, cause)
      topics.push(`conversation:${id}`)
    }
    for (const [id, { viewerEvent }] of this.#changes) {
      if (viewerEvent) topics.push(...(await writeViewerEvents(tx, id, viewerEvent, cause)))
    }
    return topics
  }

  #of(id: ConversationId): Changes {
    const changes = this.#changes.get(id) ?? noChanges()
    this.#changes.set(id, changes)
    return changes
  }
}

function noChanges(): Changes {
  return { events: [], messages: 0, title: null, preview: null, viewerEvent: null, isUpdated: false }
}

/** In one statement: it is part of everything that happens. */
async function writeEvents(tx: Tx, id: ConversationId, changes: Changes, cause: Cause | null): Promise<void> {
  const { messages, title, preview, viewerEvent, isUpdated } = changes
  const events: NewEvent[] = viewerEvent ? [...changes.events, { type: viewerEvent }] : changes.events
  await sql`
    with moved as (
      update conversation set
        last_seq = last_seq + ${events.length},
        message_count = message_count + ${messages},
        title = coalesce(title, ${title}),
        preview = coalesce(${preview}, preview),
        updated_at = case when ${isUpdated} then clock_timestamp() else updated_at end
      where id = ${id}
      returning last_seq - ${events.length} as seq
    )
    insert into conversation_event
      (conversation_id, seq, type, message_id, generation_id, client_mutation_id, viewer_id)
    select ${id}, moved.seq + position, type, message_id, generation_id,
      ${cause?.clientMutationId ?? null}, ${cause?.viewer.id ?? null}
    from moved, unnest(
      ${events.map(({ type }) => type)}::text[],
      ${events.map(({ messageId }) => messageId ?? null)}::uuid[],
      ${events.map(({ generationId }) => generationId ?? null)}::uuid[]
    ) with ordinality as event (type, message_id, generation_id, position)`.execute(tx)
}

/** For everybody who can see the conversation. */
async function writeViewerEvents(
  tx: Tx,
  id: ConversationId,
  type: ViewerEventType,
  cause: Cause | null,
): Promise<Topic[]> {
  const { rows } = await sql<{ viewer_id: ViewerId }>`
    with moved as (
      update viewer set last_seq = last_seq + 1
      where id in (select owner_id from conversation where id = ${id})
      returning id, last_seq
    )
    insert into viewer_event (viewer_id, seq, type, conversation_id, client_mutation_id)
    select id, last_seq, ${type}, ${id},
      case when id = ${cause?.viewer.id ?? null}::uuid then ${cause?.clientMutationId ?? null} end
    from moved returning viewer_id`.execute(tx)
  return rows.map(({ viewer_id }) => `viewer:${viewer_id}` as const)
}
