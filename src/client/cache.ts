import type { Exchange } from '@urql/core'
import { type Cache, cacheExchange, type KeyGenerator } from '@urql/exchange-graphcache'
import { relayPagination } from '@urql/exchange-graphcache/extras'
import type {
  CreateConversationMutation,
  DeleteConversationMutation,
  RenameConversationMutationVariables,
  ViewerEventsSubscription,
} from './graphql/graphql.ts'

/** Entities are held once, by id; these types are parts of others and have none. */
const embedded = [
  'BasicError',
  'ConversationConnection',
  'ConversationChanged',
  'ConversationRemoved',
  'GenerationChanged',
  'GenerationFailure',
  'GenerationFinished',
  'HeadConflictError',
  'Heartbeat',
  'MessageChanged',
  'MessageConnection',
  'ModelConnection',
  'PageInfo',
  'PartDelta',
  'PartFinished',
  'ReasoningPart',
  'ResyncRequired',
  'ServerInfo',
  'TextPart',
  'Usage',
]
const withoutKey: KeyGenerator = () => null

/** The normalised cache: the conversation list, kept current by viewerEvents, and whatever messages are finished. */
export function createCache(): Exchange {
  return cacheExchange({
    keys: Object.fromEntries(embedded.map((type) => [type, withoutKey])),
    resolvers: { Query: { models: relayPagination() }, User: { conversations: relayPagination() } },
    updates: {
      Mutation: {
        createConversation(result: CreateConversationMutation, _args, cache) {
          const id = result.createConversation?.conversation?.id
          if (id !== undefined) listConversation(cache, id)
        },
        deleteConversation(result: DeleteConversationMutation, _args, cache) {
          const id = result.deleteConversation?.deletedConversationId
          if (id) unlistConversation(cache, id)
        },
      },
      Subscription: {
        viewerEvents({ viewerEvents: event }: ViewerEventsSubscription, _args, cache) {
          if (event.__typename === 'ConversationChanged') listConversation(cache, event.conversation.id)
          if (event.__typename === 'ConversationRemoved') unlistConversation(cache, event.conversationId)
        },
      },
    },
    optimistic: {
      updateConversation: ({ input }: RenameConversationMutationVariables) => ({
        __typename: 'UpdateConversationPayload',
        conversation: { __typename: 'Conversation', id: input.conversationId, title: input.title ?? null },
        userErrors: [],
      }),
    },
  })
}

/** Puts a conversation that no loaded page of the list has at its top; the list sorts itself. */
function listConversation(cache: Cache, id: string): void {
  const key = cache.keyOfEntity({ __typename: 'Conversation', id })
  const pages = listPages(cache)
  if (key === null || pages.some(({ nodes }) => nodes.includes(key))) return
  const [first] = pages
  if (first) cache.link(first.key, 'nodes', [key, ...first.nodes])
}

function unlistConversation(cache: Cache, id: string): void {
  const key = cache.keyOfEntity({ __typename: 'Conversation', id })
  for (const page of listPages(cache)) {
    if (key === null || !page.nodes.includes(key)) continue
    cache.link(
      page.key,
      'nodes',
      page.nodes.filter((node) => node !== key),
    )
  }
}

function listPages(cache: Cache): { key: string; nodes: string[] }[] {
  const viewer = cache.resolve('Query', 'viewer')
  if (typeof viewer !== 'string') return []
  return cache.inspectFields(viewer).flatMap(({ fieldName, fieldKey }) => {
    const key = fieldName === 'conversations' ? cache.resolve(viewer, fieldKey) : null
    const nodes = typeof key === 'string' ? cache.resolve(key, 'nodes') : null
    return typeof key === 'string' && Array.isArray(nodes) ? [{ key, nodes: nodes as string[] }] : []
  })
}
