import { sql } from 'kysely'
import type { Viewer } from '../auth/viewer.ts'
import type { Db, Tx } from '../db/connect.ts'
import type { MessageRow, NewMessage } from '../db/tables.ts'
import { ChatError, RequestError } from '../errors.ts'
import { type ConversationId, isUuid, type MessageId, newId } from '../ids.ts'
import type { Part } from '../streams/content.ts'
import { type Conversation, visibleConversations } from './access.ts'
import type { Unit } from './commit.ts'
import { messageHash } from './message-hash.ts'
import { keysetPage, type Order, type Page, type PageArgs, pageRange } from './paging.ts'
import { beginningOf } from './text.ts'

/** A message with the text that is committed so far. */
export type Message = Omit<MessageRow, 'parts'> & { readonly parts: readonly Part[] }

export const previewLength = 200

/** Text of a message: its text parts, one after the other, without reasoning. */
export function textOf(parts: readonly Part[]): string {
  return parts
    .filter((part) => part.kind === 'TEXT')
    .map((part) => part.text)
    .join('\n\n')
}

/** A message under way has its text in chunks; both are read in one statement, as the end of a run moves it. */
const committedParts = sql<Part[]>`coalesce(message.parts, (
  select json_agg(json_build_object('kind', kind, 'text', text) order by part)::jsonb from (
    select part, min(chunk.kind) as kind, string_agg(chunk.text, '' order by chunk.start) as text
    from chunk join generation on generation.id = chunk.generation_id
    where generation.message_id = message.id group by part
  ) as under_way
), '[]')`.as('parts')

const columns = [
  'message.id',
  'message.conversation_id',
  'message.depth',
  'message.role',
  'message.status',
  'message.author_id',
  'message.model',
  'message.hash',
  'message.is_continuation',
  'message.created_at',
] as const

/** Messages of conversations that the viewer may see. */
function visibleMessages(db: Db | Tx, viewer: Viewer) {
  const conversations = visibleConversations(db, viewer).select('conversation.id')
  return db.selectFrom('message').where('message.conversation_id', 'in', conversations)
}

/** The messages of `ids` that the viewer may see. */
export async function findMessages(
  db: Db | Tx,
  viewer: Viewer,
  ids: readonly MessageId[],
): Promise<Message[]> {
  return visibleMessages(db, viewer)
    .select([...columns, committedParts])
    .where('message.id', 'in', ids)
    .execute()
}

/** A message of this conversation, or null. */
export async function findMessage(
  tx: Db | Tx,
  conversation: Conversation,
  id: MessageId,
): Promise<Message | null> {
  const message = await tx
    .selectFrom('message')
    .select([...columns, committedParts])
    .where('message.id', '=', id)
    .where('message.conversation_id', '=', conversation.id)
    .executeTakeFirst()
  return message ?? null
}

/** Parents of messages, each in order. */
export async function findParents(
  db: Db | Tx,
  ids: readonly MessageId[],
): Promise<Map<MessageId, MessageId[]>> {
  const rows = await db
    .selectFrom('message_parent')
    .select(['message_id as from', 'parent_id as to'])
    .where('message_id', 'in', ids)
    .orderBy('position')
    .execute()
  return grouped(ids, rows)
}

/** Children of messages, oldest first. */
export async function findChildren(db: Db, ids: readonly MessageId[]): Promise<Map<MessageId, MessageId[]>> {
  const rows = await db
    .selectFrom('message_parent')
    .innerJoin('message', 'message.id', 'message_parent.message_id')
    .select(['parent_id as from', 'message.id as to'])
    .where('parent_id', 'in', ids)
    .orderBy('message.created_at')
    .orderBy('message.id')
    .execute()
  return grouped(ids, rows)
}

/** Messages that have the same first parent, oldest first, the message itself among them; roots are siblings. */
export async function findSiblings(db: Db, ids: readonly MessageId[]): Promise<Map<MessageId, MessageId[]>> {
  const { rows } = await sql<{ from: MessageId; to: MessageId }>`
    select asked.id as "from", sibling.id as "to"
    from message asked
    left join message_parent up on up.message_id = asked.id and up.position = 0
    join lateral (
      select id, created_at from message where up.parent_id is null
        and conversation_id = asked.conversation_id and depth = 0
      union all
      select message.id, message.created_at from message_parent
      join message on message.id = message_parent.message_id
      where message_parent.parent_id = up.parent_id and message_parent.position = 0
    ) as sibling on true
    where asked.id = any(${ids}::uuid[])
    order by sibling.created_at, sibling.id`.execute(db)
  return grouped(ids, rows)
}

function grouped(ids: readonly MessageId[], rows: readonly { from: MessageId; to: MessageId }[]) {
  const groups = new Map(ids.map((id): [MessageId, MessageId[]] => [id, []]))
  for (const { from, to } of rows) groups.get(from)?.push(to)
  return groups
}

const inOrder: Order = {
  name: 'messages',
  keys: [
    { expression: sql`message.created_at`, type: 'timestamptz' },
    { expression: sql`message.id`, type: 'uuid' },
  ],
}

/** Every message of the graph, in the order of creation. */
export function listMessages(db: Db, conversation: Conversation, args: PageArgs): Promise<Page<Message>> {
  return keysetPage(messagesOf(db, conversation), inOrder, 'asc', args)
}

/** Leaves of the graph, newest first. */
export function listBranches(db: Db, conversation: Conversation, args: PageArgs): Promise<Page<Message>> {
  const leaves = messagesOf(db, conversation).where(
    sql<boolean>`not exists (select from message_parent where parent_id = message.id)`,
  )
  return keysetPage(leaves, inOrder, 'desc', args)
}

function messagesOf(db: Db, conversation: Conversation) {
  return db
    .selectFrom('message')
    .select([...columns, committedParts])
    .where('message.conversation_id', '=', conversation.id)
}

const deepest = 2 ** 31 - 1
const lastFifty = { size: 50, fromEnd: true }

/**
 * A page of the path from the root to a leaf along first parents. Its cursors name the leaf and a depth, so pages
 * of one path never mix with those of another.
 */
export async function readThread(
  db: Db,
  conversation: Conversation,
  leafId: MessageId | null,
  args: PageArgs,
): Promise<Page<Message>> {
  const range = pageRange(args, lastFifty)
  const after = args.after == null ? null : readThreadCursor(args.after, 'after')
  const before = args.before == null ? null : readThreadCursor(args.before, 'before')
  const asked = leafId ?? after?.leaf ?? before?.leaf ?? conversation.head_id
  if ([after, before].some((cursor) => cursor && cursor.leaf !== asked)) throw foreignCursor()
  const leaf = asked && (await findMessage(db, conversation, asked))
  if (!leaf && (after || before)) throw foreignCursor()
  if (!leaf) return emptyPage
  const low = after ? after.depth + 1 : 0
  const high = before ? Math.min(before.depth - 1, leaf.depth) : leaf.depth
  const [from, to] = range.fromEnd
    ? [Math.max(low, high - range.size + 1), high]
    : [low, Math.min(high, low + range.size - 1)]
  const nodes = from > to ? [] : await pathTo(db, leaf.id, from, to).execute()
  return {
    edges: nodes.map((node) => ({ cursor: threadCursor(leaf.id, node.depth), node })),
    hasNextPage: to < leaf.depth,
    hasPreviousPage: from > 0,
    totalCount: async () => leaf.depth + 1,
  }
}

/** Selects the messages of the path that ends at `leaf`, between two depths or all of them, root first. */
export function pathTo(db: Db, leaf: MessageId, from = 0, to = deepest) {
  return db
    .withRecursive('path(id, depth)', (cte) =>
      cte
        .selectFrom('message')
        .select(['id', 'depth'])
        .where('id', '=', leaf)
        .unionAll(
          cte
            .selectFrom('path')
            .innerJoin('message_parent as up', (join) =>
              join.onRef('up.message_id', '=', 'path.id').on('up.position', '=', 0),
            )
            .where('path.depth', '>', from)
            .select(['up.parent_id as id', sql<number>`path.depth - 1`.as('depth')]),
        ),
    )
    .selectFrom('path')
    .innerJoin('message', 'message.id', 'path.id')
    .where('path.depth', '<=', to)
    .select([...columns, committedParts])
    .orderBy('path.depth')
}

const emptyPage: Page<Message> = {
  edges: [],
  hasNextPage: false,
  hasPreviousPage: false,
  totalCount: async () => 0,
}

function threadCursor(leaf: MessageId, depth: number): string {
  return Buffer.from(`${leaf}:${depth}`).toString('base64url')
}

function readThreadCursor(cursor: string, name: string): { leaf: MessageId; depth: number } {
  const [leaf = '', depth = ''] = Buffer.from(cursor, 'base64url').toString().split(':')
  if (isUuid(leaf) && /^\d{1,9}$/.test(depth)) return { leaf: leaf as MessageId, depth: Number(depth) }
  throw new RequestError('BAD_USER_INPUT', `Cannot page: \`${name}\` is not a cursor of a thread`)
}

function foreignCursor(): RequestError {
  return new RequestError('BAD_USER_INPUT', 'Cannot page: the cursor belongs to another thread')
}

/** Whether text is still being added to it. */
export function isUnderWay(message: { status: Message['status'] }): boolean {
  return message.status === 'PENDING' || message.status === 'STREAMING'
}

/** What has to be known of a message to write another one under it. */
export type Parent = Pick<Message, 'id' | 'depth' | 'status' | 'hash'>

type Draft = Pick<NewMessage, 'role' | 'author_id' | 'model' | 'parts' | 'is_continuation'> & {
  readonly status: Message['status']
  readonly hash: string | null
}

/** Adds a message to the graph; null `parent`: a root. Throws ChatError CONFLICT while its parent is under way. */
export function appendMessage(
  { changes }: Unit,
  conversationId: ConversationId,
  parent: Parent | null,
  draft: Draft,
): Parent {
  if (parent && isUnderWay(parent)) {
    throw new ChatError('CONFLICT', 'Cannot add to a message that is still being written', ['parentId'])
  }
  const message = { id: newId<MessageId>(), depth: parent ? parent.depth + 1 : 0, ...draft }
  changes.add('message', { conversation_id: conversationId, ...message })
  if (parent) changes.add('message_parent', { message_id: message.id, position: 0, parent_id: parent.id })
  changes.noteText(conversationId, null)
  return message
}

/** Adds a person's message. One that only asks to go on lends the conversation neither title nor preview. */
export function appendUserMessage(
  unit: Unit,
  author: Viewer,
  { id: conversationId }: Conversation,
  parent: Parent | null,
  text: string,
  { isContinuation = false } = {},
): Parent {
  const parts = [{ kind: 'TEXT' as const, text }]
  const hash = messageHash({
    role: 'USER',
    parts,
    parents: parent?.hash ? [parent.hash] : [],
    author: author.handle,
    model: null,
    parameters: null,
  })
  const message = appendMessage(unit, conversationId, parent, {
    role: 'USER',
    status: 'COMPLETED',
    author_id: author.id,
    model: null,
    parts: JSON.stringify(parts),
    hash,
    is_continuation: isContinuation,
  })
  unit.changes.note(conversationId, { type: 'MESSAGE_CHANGED', messageId: message.id })
  unit.changes.noteText(conversationId, isContinuation ? null : beginningOf(text, previewLength))
  if (!isContinuation) unit.changes.noteTitle(conversationId, beginningOf(text.trim(), titleLength))
  return message
}

const titleLength = 60
