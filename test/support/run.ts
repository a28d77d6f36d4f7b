import { sql } from 'kysely'
import type { Db } from '../../src/server/db/connect.ts'
import {
  type ConversationId,
  type GenerationId,
  type MessageId,
  newId,
  type ViewerId,
} from '../../src/server/ids.ts'
import { type Content, emptyContent, type Part } from '../../src/server/streams/content.ts'

export type StartedRun = {
  readonly id: GenerationId
  readonly content: Content
  readonly conversation: ConversationId
  readonly viewer: ViewerId
}

/** Writes a run under way, of epoch 1, with everything that it belongs to. */
export async function startRun(db: Db): Promise<StartedRun> {
  const [viewer, conversation] = [newId<ViewerId>(), newId<ConversationId>()]
  const [message, id] = [newId<MessageId>(), newId<GenerationId>()]
  await sql`insert into viewer (id, handle, name, role) values (${viewer}, ${viewer}, 'Somebody', 'MEMBER')`.execute(
    db,
  )
  await sql`insert into conversation (id, owner_id) values (${conversation}, ${viewer})`.execute(db)
  await sql`insert into message (id, conversation_id, depth, role, status)
    values (${message}, ${conversation}, 0, 'ASSISTANT', 'STREAMING')`.execute(db)
  await sql`insert into generation (id, conversation_id, message_id, status, model, parameters, epoch)
    values (${id}, ${conversation}, ${message}, 'RUNNING', 'demo:demo', '{}', 1)`.execute(db)
  return { id, content: emptyContent(message), conversation, viewer }
}

/** The text of each part as far as it is committed. */
export function partsOf({ parts }: Content): Part[] {
  return parts.map(({ kind, text }) => ({ kind, text: text.toString() }))
}
