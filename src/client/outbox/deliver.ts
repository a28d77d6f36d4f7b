import type { Client, CombinedError } from '@urql/core'
import type { ConversationSnapshotFragment, SendPayloadFragment } from '../graphql/graphql.ts'
import { graphql } from '../graphql/index.ts'
import { deleteConversation } from '../sidebar/documents.ts'
import type { Origin, OutboxItem, Problem } from './outbox-state.ts'
import type { Place } from './place.ts'

const createConversation = graphql(`
  mutation CreateConversation($input: CreateConversationInput!) {
    createConversation(input: $input) {
      conversation { ...ConversationSnapshot ...ConversationItem }
      userErrors { code message }
    }
  }
`)

graphql(`
  fragment SendPayload on SendMessagePayload {
    userMessage { ...MessageFields }
    generation { id message { ...MessageFields } }
    conversation { ...ConversationItem head { id } }
    userErrors { code message }
  }
`)

const sendMessage = graphql(`
  mutation SendMessage($input: SendMessageInput!) {
    sendMessage(input: $input) { ...SendPayload }
  }
`)

const editMessage = graphql(`
  mutation EditMessage($input: EditMessageInput!) {
    editMessage(input: $input) { ...SendPayload }
  }
`)

const regenerateMessage = graphql(`
  mutation RegenerateMessage($input: RegenerateMessageInput!) {
    regenerateMessage(input: $input) { ...SendPayload }
  }
`)

const continueGeneration = graphql(`
  mutation ContinueGeneration($input: ContinueGenerationInput!) {
    continueGeneration(input: $input) { ...SendPayload }
  }
`)

export type Payload = SendPayloadFragment
type Answer<T> = { readonly done: T } | { readonly problem: Problem }

/** Asks for what an item says, under its key: however often it is tried, it is done once. */
export async function deliver(client: Client, item: OutboxItem): Promise<Answer<Payload>> {
  const { payload, error } = await mutate(client, item)
  return payload?.userMessage || payload?.generation ? { done: payload } : problemOf(payload, error)
}

/** Deletes an empty conversation; null when it is gone. */
export async function remove(client: Client, conversationId: string): Promise<Problem | null> {
  const input = { clientMutationId: `remove-${conversationId}`, conversationId }
  const { data, error } = await client.mutation(deleteConversation, { input }).toPromise()
  const payload = data?.deleteConversation
  return payload?.deletedConversationId ? null : problemOf(payload, error).problem
}

/** Makes the conversation that an item begins. */
export async function make(
  client: Client,
  { key }: Origin,
  defaultModelId: string | null,
): Promise<Answer<ConversationSnapshotFragment>> {
  const input = { clientMutationId: key, defaultModelId }
  const { data, error } = await client.mutation(createConversation, { input }).toPromise()
  const payload = data?.createConversation
  return payload?.conversation ? { done: payload.conversation } : problemOf(payload, error)
}

const threadQuery = graphql(`
  query WhatGoesOn($conversationId: ID!) {
    conversation(id: $conversationId) { id thread(last: 50) { nodes { id isContinuation status } } }
  }
`)

/**
 * Below which message something belongs that was said under an answer which may have been cut and continued meanwhile:
 * the last that goes on from it, as far as the viewer's thread does. A problem while the answer itself is being written.
 */
export async function endOfAnswer(client: Client, place: Place, answerId: string): Promise<Answer<string>> {
  const { data, error } = await client
    .query(threadQuery, { conversationId: place }, { requestPolicy: 'network-only' })
    .toPromise()
  if (error) return problemOf(null, error)
  const thread = data?.conversation?.thread.nodes ?? []
  const start = thread.findIndex(({ id }) => id === answerId)
  const answer = thread[start]
  if (!answer) return { done: answerId }
  if (answer.status === 'PENDING' || answer.status === 'STREAMING') return { problem: underWay }
  let end = start
  while (thread[end + 1]?.isContinuation && thread[end + 2]) end += 2
  return { done: thread[end]!.id }
}

/** As the server would refuse it. */
const underWay: Problem = { code: 'CONFLICT', reason: 'The answer is being written', final: false }

async function mutate(client: Client, item: OutboxItem) {
  const common = { clientMutationId: item.key, generate: { modelId: item.modelId } }
  const text = item.text ?? ''
  const targetId = item.targetId ?? ''
  switch (item.kind) {
    case 'send': {
      const at = { conversationId: item.place, parentId: item.parentId, expectedHeadId: item.headId }
      const { data, error } = await client
        .mutation(sendMessage, { input: { ...common, ...at, text } })
        .toPromise()
      return { payload: data?.sendMessage, error }
    }
    case 'edit': {
      const input = { ...common, messageId: targetId, text }
      const { data, error } = await client.mutation(editMessage, { input }).toPromise()
      return { payload: data?.editMessage, error }
    }
    case 'regenerate': {
      const input = { ...common, messageId: targetId }
      const { data, error } = await client.mutation(regenerateMessage, { input }).toPromise()
      return { payload: data?.regenerateMessage, error }
    }
    case 'continue': {
      const input = { clientMutationId: item.key, generationId: targetId }
      const { data, error } = await client.mutation(continueGeneration, { input }).toPromise()
      return { payload: data?.continueGeneration, error }
    }
  }
}

/** User errors that pass by themselves: an answer comes to its end, a run ends, a minute goes by. */
const passing = new Set(['CONFLICT', 'QUOTA_EXCEEDED', 'RATE_LIMITED'])

/** Errors of an operation that are the same however often it is tried. */
const lasting = new Set([
  'BAD_USER_INPUT',
  'COST_LIMIT',
  'FORBIDDEN',
  'GRAPHQL_PARSE_FAILED',
  'GRAPHQL_VALIDATION_FAILED',
  'NOT_FOUND',
])

/** Where the server speaks to programs. */
const inOurWords: Readonly<Record<string, string>> = {
  IDEMPOTENCY_MISMATCH: 'It had been sent before you changed it. Retry says it once more',
}

type Refused = { readonly userErrors: readonly { readonly code: string; readonly message: string }[] }

function problemOf(
  payload: Refused | null | undefined,
  error: CombinedError | undefined,
): { problem: Problem } {
  const [refusal] = payload?.userErrors ?? []
  if (refusal) {
    const { code, message } = refusal
    return { problem: { code, reason: inOurWords[code] ?? message, final: !passing.has(code) } }
  }
  const code = error?.graphQLErrors[0]?.extensions['code']
  const known = typeof code === 'string' ? code : null
  return { problem: { code: known, reason: explain(error), final: known !== null && lasting.has(known) } }
}

const unknownFailure = 'The server did not say why'

/** An error in words for people. */
export function explain(error: CombinedError | undefined): string {
  if (error?.networkError) return 'The server cannot be reached'
  const [first] = error?.graphQLErrors ?? []
  const requestId = first?.extensions['requestId']
  const hint = typeof requestId === 'string' ? ` (request ${requestId})` : ''
  return `${first?.message ?? unknownFailure}${hint}`
}
