import type { Question } from '../wire.ts'
import { GraphQLClient } from './graphql.ts'
import { AnswerReader, type Reader, type Watcher } from './reader.ts'
import { TextFinder } from './text-finder.ts'

const finder = new TextFinder('text')

/** What a client needs to show an answer and to go on where it was: see schema/STREAMING.md. */
const watchDocument = `subscription ($id: ID!) {
  event: conversationEvents(conversationId: $id, fromStart: true) {
    __typename cursor
    ... on PartDelta { partIndex revision offset text }
    ... on GenerationFinished { generation { status } }
  } }`

const createDocument = 'mutation { createConversation(input: {}) { conversation { id } } }'

const sendDocument = `mutation ($input: SendMessageInput!) {
  sendMessage(input: $input) { userMessage { id } userErrors { message } } }`

type Event = { readonly __typename: string; readonly generation?: { readonly status: string } }
type Sent = { readonly userMessage: { readonly id: string } | null; readonly userErrors: readonly unknown[] }

/** A client of Parley that does as its page does: it watches a conversation, and sends messages into it. */
export async function openParley(url: string, watcher: Watcher): Promise<Reader> {
  const answer = new AnswerReader(finder, watcher)
  const client = await GraphQLClient.open(url, (bytes, start, end) => answer.read(bytes, start, end))
  const conversationId = await createConversation(client)
  await watch(client, conversationId, answer)
  // Every question follows this message, so that no prompt holds the answers before it.
  const parentId = await send(client, { conversationId, text: 'Let us begin.' })
  const ask = async (question: Question) => {
    const text = JSON.stringify(question)
    const start = () => {
      send(client, { conversationId, parentId, text, generate: {} }).catch((error) => answer.fail(error))
    }
    await answer.begin(question, client.socket.broken, start)
  }
  return { ask, close: () => client.socket.close() }
}

/** Answers with the id of a new conversation. */
export async function createConversation(client: GraphQLClient): Promise<string> {
  const { createConversation } = await client.run<{
    createConversation: { conversation: { id: string } }
  }>({ query: createDocument, variables: {} })
  return createConversation.conversation.id
}

/** Resolves once everything new in the conversation will be heard of. */
export function watch(client: GraphQLClient, id: string, answer: AnswerReader): Promise<void> {
  return new Promise((resolve, reject) => {
    client.subscribe({ query: watchDocument, variables: { id } }, ({ type, payload }) => {
      const { event } = (payload?.data ?? {}) as { event?: Event }
      if (!event) {
        const error = new Error(`${type}: ${JSON.stringify(payload)}`)
        answer.fail(error)
        return reject(error)
      }
      resolve()
      if (event.__typename !== 'GenerationFinished') return
      if (event.generation?.status === 'COMPLETED') answer.end()
      else answer.fail(new Error(`The answer ended as ${event.generation?.status}`))
    })
  })
}

/** Sends a message and answers with its id. */
export async function send(client: GraphQLClient, input: Record<string, unknown>): Promise<string> {
  const { sendMessage } = await client.run<{ sendMessage: Sent }>({
    query: sendDocument,
    variables: { input },
  })
  if (!sendMessage.userMessage) throw new Error(JSON.stringify(sendMessage.userErrors))
  return sendMessage.userMessage.id
}
