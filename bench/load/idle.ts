import { GraphQLClient } from './graphql.ts'
import { createConversation } from './parley.ts'
import type { Reader } from './reader.ts'

/** Operations under way at once. */
const atOnce = 50

/** Makes conversations of a Parley; answers with their ids. */
export async function createConversations(url: string, count: number): Promise<string[]> {
  const client = await GraphQLClient.open(url, () => false)
  const ids = await inBatches(count, () => createConversation(client))
  client.socket.close()
  return ids
}

/** Watches each conversation, on a socket of its own. */
export function openIdle(url: string, ids: readonly string[]): Promise<Reader[]> {
  return inBatches(ids.length, async (index) => {
    const client = await GraphQLClient.open(url, () => false)
    client.subscribe({ query: idleDocument, variables: { id: ids[index] } }, (message) => {
      throw new Error(`A watcher that should be idle got ${JSON.stringify(message)}`)
    })
    // Answered after the subscription was taken in.
    await client.run({ query: '{ __typename }', variables: {} })
    return {
      ask: () => Promise.reject(new Error('An idle one does not ask')),
      close: () => client.socket.close(),
    }
  })
}

const idleDocument = `subscription ($id: ID!) {
  event: conversationEvents(conversationId: $id) {
    __typename cursor ... on PartDelta { partIndex revision offset text }
  } }`

async function inBatches<Item>(count: number, make: (index: number) => Promise<Item>): Promise<Item[]> {
  const made: Item[] = []
  while (made.length < count) {
    const size = Math.min(atOnce, count - made.length)
    made.push(...(await Promise.all(Array.from({ length: size }, (_, at) => make(made.length + at)))))
  }
  return made
}
