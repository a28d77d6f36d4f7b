import { sql } from 'kysely'
import type { Viewer } from '../auth/viewer.ts'
import type { RecoveryPolicy } from '../db/tables.ts'
import { ChatError } from '../errors.ts'
import { type ConversationId, newId } from '../ids.ts'
import { modelKey } from '../llm/provider.ts'
import { asConversations, type Conversation, requireConversation, visibleConversations } from './access.ts'
import type { Chat } from './chat.ts'
import { type Mutation, mutate } from './commit.ts'
import { endGeneration } from './end-generation.ts'
import { keysetPage, type OrderKey, type Page, type PageArgs } from './paging.ts'
import { findModel, unknownModel } from './parameters.ts'
import { requireStorable, requireText } from './text.ts'

/** Shown for a conversation that nobody has named and nothing was said in. */
export const untitled = 'New conversation'

const longestTitle = 200

/** Null: does not count. */
export type ConversationFilter = { readonly starred: boolean | null; readonly archived: boolean | null }
export type ConversationOrder = {
  readonly field: 'UPDATED_AT' | 'CREATED_AT' | 'TITLE'
  readonly direction: 'ASC' | 'DESC'
}

const orderKeys: Record<ConversationOrder['field'], OrderKey> = {
  UPDATED_AT: { expression: sql`conversation.updated_at`, type: 'timestamptz' },
  CREATED_AT: { expression: sql`conversation.created_at`, type: 'timestamptz' },
  TITLE: { expression: sql`coalesce(conversation.title, ${untitled}::text)`, type: 'text' },
}

/** A page of the conversations that the viewer may see. */
export async function listConversations(
  chat: Chat,
  viewer: Viewer,
  { filter, order, ...args }: PageArgs & { filter: ConversationFilter; order: ConversationOrder },
): Promise<Page<Conversation>> {
  let query = asConversations(visibleConversations(chat.db, viewer))
  if (filter.starred != null)
    query = query.where(sql<boolean>`coalesce(own.starred, false) = ${filter.starred}`)
  if (filter.archived != null) query = query.where('archived_at', filter.archived ? 'is not' : 'is', null)
  const keys = [orderKeys[order.field], { expression: sql`conversation.id`, type: 'uuid' } as const]
  const by = { name: `conversations by ${order.field}`, keys }
  return keysetPage(query, by, order.direction === 'ASC' ? 'asc' : 'desc', args)
}

type Settings = {
  readonly title: string | null
  readonly systemPrompt: string | null
  readonly defaultModelId: string | null
  readonly recovery: RecoveryPolicy | null
}

export type CreateConversationInput = Settings & { readonly clientMutationId: string | null }

/** Makes an empty conversation. Throws ChatError INVALID. */
export async function createConversation(chat: Chat, viewer: Viewer, input: CreateConversationInput) {
  const settings = requireSettings(chat, input)
  return mutate(chat, viewer, 'createConversation', input, async (mutation) => {
    const id = newId<ConversationId>()
    await mutation.tx
      .insertInto('conversation')
      .values({ id, owner_id: viewer.id, ...settings })
      .execute()
    mutation.changes.announce(id)
    return { conversation: id }
  })
}

export type UpdateConversationInput = CreateConversationInput & {
  readonly conversationId: ConversationId
  readonly archived: boolean | null
  readonly starred: boolean | null
}

/** Changes what is given; null leaves a thing as it is, and an empty system prompt takes it away. Throws ChatError NOT_FOUND, INVALID. */
export async function updateConversation(chat: Chat, viewer: Viewer, input: UpdateConversationInput) {
  const settings = requireSettings(chat, input)
  return mutate(chat, viewer, 'updateConversation', input, async (mutation) => {
    const { id } = await requireConversation(mutation.tx, viewer, input.conversationId)
    const changes = { ...settings, ...archiving(input.archived) }
    if (Object.keys(changes).length > 0) {
      const update = mutation.tx.updateTable('conversation').where('id', '=', id)
      await update.set({ ...changes, updated_at: sql`clock_timestamp()` }).execute()
    }
    if (input.starred !== null) await star(mutation, id, input.starred)
    mutation.changes.announce(id)
    return { conversation: id }
  })
}

function archiving(archived: boolean | null) {
  if (archived === null) return {}
  return { archived_at: archived ? sql<Date>`coalesce(archived_at, clock_timestamp())` : null }
}

/** A matter between one viewer and the conversation, which itself does not change. */
async function star({ tx, viewer }: Mutation, id: ConversationId, starred: boolean): Promise<void> {
  await tx
    .insertInto('conversation_viewer')
    .values({ conversation_id: id, viewer_id: viewer.id, starred })
    .onConflict((conflict) => conflict.columns(['conversation_id', 'viewer_id']).doUpdateSet({ starred }))
    .execute()
}

/** Columns for the settings that are given. */
function requireSettings(chat: Chat, { title, systemPrompt, defaultModelId, recovery }: Settings) {
  const model = defaultModelId === null ? null : findModel(chat.models, defaultModelId)
  if (defaultModelId !== null && !model) {
    const message = `Cannot take defaultModelId: ${unknownModel(chat.models, defaultModelId)}`
    throw new ChatError('INVALID', message, ['defaultModelId'])
  }
  return {
    ...(title !== null && { title: requireText(title, 'title', longestTitle) }),
    ...(systemPrompt !== null && { system_prompt: requireSystemPrompt(chat, systemPrompt) }),
    ...(model && { default_model: modelKey(model) }),
    ...(recovery !== null && { recovery }),
  }
}

function requireSystemPrompt(chat: Chat, text: string): string | null {
  return requireStorable(text, 'systemPrompt', chat.limits.messageLength).trim() === '' ? null : text
}

export type DeleteConversationInput = {
  readonly clientMutationId: string | null
  readonly conversationId: ConversationId
}

/** Takes a conversation out of everybody's sight and cancels its runs. Throws ChatError NOT_FOUND. */
export async function deleteConversation(chat: Chat, viewer: Viewer, input: DeleteConversationInput) {
  return mutate(chat, viewer, 'deleteConversation', input, async (mutation) => {
    const { id } = await requireConversation(mutation.tx, viewer, input.conversationId)
    await cancelRuns(chat, mutation, id)
    await mutation.tx
      .updateTable('conversation')
      .set({ deleted_at: sql`clock_timestamp()` })
      .where('id', '=', id)
      .execute()
    mutation.changes.announce(id, 'CONVERSATION_REMOVED')
    return { deletedConversation: id }
  })
}

async function cancelRuns(chat: Chat, mutation: Mutation, id: ConversationId): Promise<void> {
  const runs = await mutation.tx
    .selectFrom('generation')
    .select('id')
    .where('conversation_id', '=', id)
    .where('status', 'in', ['QUEUED', 'RUNNING'])
    .orderBy('id')
    .execute()
  for (const run of runs)
    await endGeneration(mutation, run.id, { type: 'canceled', usage: chat.runner.usage(run.id) })
}
