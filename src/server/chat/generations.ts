import { sql } from 'kysely'
import type { Viewer } from '../auth/viewer.ts'
import type { Db, Tx } from '../db/connect.ts'
import type { GenerationRow } from '../db/tables.ts'
import { ChatError } from '../errors.ts'
import { type ConversationId, type GenerationId, type MessageId, newId, type ProcessId } from '../ids.ts'
import { type Conversation, requireConversation, visibleConversations } from './access.ts'
import type { Chat, Run } from './chat.ts'
import { type Mutation, mutate } from './commit.ts'
import { moveHead } from './heads.ts'
import {
  appendMessage,
  findMessage,
  findMessages,
  findParents,
  isUnderWay,
  type Message,
  type Parent,
} from './messages.ts'
import { type Generate, type Plan, requirePlan } from './parameters.ts'
import { hasQueue, requirePlaceInQueue } from './queue.ts'

/** A run as its readers see it; while it runs, its first text's time comes from what is committed. */
export type Generation = GenerationRow

/** A run that has not ended. */
export function isActive(generation: Pick<GenerationRow, 'status'>): boolean {
  return generation.status === 'QUEUED' || generation.status === 'RUNNING'
}

function visibleGenerations(db: Db | Tx, viewer: Viewer) {
  const firstText = sql<Date | null>`coalesce(first_token_at,
    (select min(at) from chunk where generation_id = generation.id))`
  return db
    .selectFrom('generation')
    .selectAll()
    .select(firstText.as('first_token_at'))
    .where('conversation_id', 'in', visibleConversations(db, viewer).select('conversation.id'))
}

/** The generations of `ids` that the viewer may see. */
export async function findGenerations(
  db: Db,
  viewer: Viewer,
  ids: readonly GenerationId[],
): Promise<Generation[]> {
  return visibleGenerations(db, viewer).where('id', 'in', ids).execute()
}

/** The generations that write or wrote these messages. */
export async function findGenerationsOf(
  db: Db,
  viewer: Viewer,
  ids: readonly MessageId[],
): Promise<Generation[]> {
  return visibleGenerations(db, viewer).where('message_id', 'in', ids).execute()
}

/** Runs of each conversation that have not ended, oldest first. */
export async function findActive(
  db: Db,
  viewer: Viewer,
  ids: readonly ConversationId[],
): Promise<Map<ConversationId, Generation[]>> {
  const runs = await visibleGenerations(db, viewer)
    .where('conversation_id', 'in', ids)
    .where('status', 'in', ['QUEUED', 'RUNNING'])
    .orderBy('queued_at')
    .orderBy('id')
    .execute()
  return Map.groupBy(runs, (run) => run.conversation_id)
}

/**
 * Makes a generation that answers `parent`, with the message that it will write. It is this process's from the
 * first, and starts with the commit; where there is no room for it here, or others wait for that, it goes into the
 * queue. Throws ChatError QUOTA_EXCEEDED.
 */
export async function createGeneration(
  chat: Chat,
  mutation: Mutation,
  conversation: Conversation,
  parent: Parent,
  plan: Plan,
): Promise<Run> {
  const { mustWait } = await requireRoom(chat, mutation.tx, conversation, plan)
  const id = newId<GenerationId>()
  const owner = mustWait ? null : chat.runner.reserve(id, plan.model)
  if (owner) mutation.reserved.add(id)
  else await requirePlaceInQueue(mutation.tx, chat.limits.queuedRuns)
  return addGeneration(mutation, conversation, parent, { id, owner, ...plan })
}

type NewGeneration = Plan & {
  readonly id: GenerationId
  /** Null: it goes into the queue. */
  readonly owner: ProcessId | null
  readonly continuations?: number
  readonly idle_continuations?: number
}

/** Adds a generation and its message: under way where it has an owner, else waiting. */
export function addGeneration(
  mutation: Mutation,
  { id: conversation_id }: Conversation,
  parent: Parent,
  { id, owner, model, parameters, ...counts }: NewGeneration,
): Run {
  const { id: message_id } = appendMessage(mutation, conversation_id, parent, {
    role: 'ASSISTANT',
    status: owner ? 'STREAMING' : 'PENDING',
    author_id: null,
    model,
    parts: null,
    hash: null,
  })
  const run = { id, conversation_id, message_id, model, parameters, epoch: owner ? 1 : 0 }
  mutation.changes.add('generation', {
    ...run,
    ...counts,
    parameters: JSON.stringify(parameters),
    viewer_id: mutation.viewer.id,
    status: owner ? 'RUNNING' : 'QUEUED',
    owner_id: owner,
    started_at: owner ? sql<Date>`clock_timestamp()` : null,
  })
  mutation.changes.note(conversation_id, {
    type: 'GENERATION_CHANGED',
    generationId: id,
    messageId: message_id,
  })
  if (owner) mutation.started.add(run)
  else mutation.queued.add(id)
  return run
}

/** Whether a new run may not overtake others. Throws ChatError QUOTA_EXCEEDED where a conversation has too many. */
async function requireRoom(
  chat: Chat,
  tx: Tx,
  conversation: Conversation,
  { model }: Plan,
): Promise<{ mustWait: boolean }> {
  const { active, mustWait } = await tx
    .selectFrom('generation')
    .select([sql<number>`count(*)::integer`.as('active'), hasQueue(model).as('mustWait')])
    .where('conversation_id', '=', conversation.id)
    .where('status', 'in', ['QUEUED', 'RUNNING'])
    .executeTakeFirstOrThrow()
  if (active >= chat.limits.runsPerConversation) {
    throw new ChatError(
      'QUOTA_EXCEEDED',
      `Cannot start another answer: ${active} are being written in this conversation`,
    )
  }
  return { mustWait }
}

export type GenerateResponseInput = {
  readonly clientMutationId: string | null
  readonly conversationId: ConversationId
  /** Null: the viewer's head. */
  readonly parentId: MessageId | null
  readonly generate: Generate
}

/** Starts a generation that answers a message. Throws ChatError NOT_FOUND, CONFLICT, INVALID, QUOTA_EXCEEDED. */
export async function generateResponse(chat: Chat, viewer: Viewer, input: GenerateResponseInput) {
  return mutate(chat, viewer, 'generateResponse', input, async (mutation) => {
    const conversation = await requireConversation(mutation.tx, viewer, input.conversationId)
    const plan = requirePlan(chat.models, input.generate, conversation.default_model)
    const parentId = input.parentId ?? conversation.head_id
    const parent = parentId && (await findMessage(mutation.tx, conversation, parentId))
    if (!parent) throw new ChatError('NOT_FOUND', 'Cannot find the message to answer', ['parentId'])
    requireQuestion(parent, 'parentId')
    return answer(chat, mutation, conversation, parent, plan)
  })
}

/** Starts an answer under a message and puts the viewer's head on it. */
async function answer(
  chat: Chat,
  mutation: Mutation,
  conversation: Conversation,
  parent: Message,
  plan: Plan,
) {
  const generation = await createGeneration(chat, mutation, conversation, parent, plan)
  moveHead(mutation, conversation, generation.message_id)
  mutation.changes.announce(conversation.id)
  return { conversation: conversation.id, userMessage: parent.id, generation: generation.id }
}

function requireQuestion(message: Message, path: string): void {
  if (isUnderWay(message)) {
    throw new ChatError('CONFLICT', 'Cannot answer a message that is still being written', [path])
  }
  if (message.role === 'ASSISTANT') {
    throw new ChatError('INVALID', 'Cannot answer an answer: send a message under it, or regenerate it', [
      path,
    ])
  }
}

export type RegenerateInput = {
  readonly clientMutationId: string | null
  readonly messageId: MessageId
  readonly generate: Generate | null
}

/**
 * Starts a sibling of an answer, for the same prompt and, unless another is named, with the same model. Throws
 * ChatError NOT_FOUND, INVALID for a message that is no answer, CONFLICT, QUOTA_EXCEEDED.
 */
export async function regenerateMessage(chat: Chat, viewer: Viewer, input: RegenerateInput) {
  return mutate(chat, viewer, 'regenerateMessage', input, async (mutation) => {
    const { conversation, message } = await requireMessage(mutation, input.messageId)
    const [parentId] = (await findParents(mutation.tx, [message.id])).get(message.id) ?? []
    const parent = parentId && (await findMessage(mutation.tx, conversation, parentId))
    if (message.role !== 'ASSISTANT' || !parent) {
      throw new ChatError('INVALID', 'Cannot regenerate: only an answer can be', ['messageId'])
    }
    return answer(
      chat,
      mutation,
      conversation,
      parent,
      requirePlan(chat.models, input.generate ?? {}, message.model),
    )
  })
}

/** Locks a message's conversation and reads the message. Throws ChatError NOT_FOUND at `messageId`. */
export async function requireMessage(
  { tx, viewer }: Mutation,
  messageId: MessageId,
): Promise<{ conversation: Conversation; message: Message }> {
  const [found] = await findMessages(tx, viewer, [messageId])
  if (!found) throw new ChatError('NOT_FOUND', 'Cannot find the message', ['messageId'])
  const conversation = await requireConversation(tx, viewer, found.conversation_id)
  // Read again under the lock: it may have finished meanwhile.
  const message = await findMessage(tx, conversation, messageId)
  return { conversation, message: message ?? found }
}
