import {
  type AnyVariables,
  type Client,
  type CombinedError,
  createClient,
  fetchExchange,
  mapExchange,
  subscriptionExchange,
  type TypedDocumentNode,
} from '@urql/core'
import { createCache } from './cache.ts'
import { type Connection, connect } from './connection.ts'
import { session } from './session.ts'

/** The page's client of `/graphql`: queries and mutations over HTTP, subscriptions over one WebSocket. */
export function createPageClient(): { client: Client; connection: Connection } {
  const endpoint = new URL('/graphql', location.href)
  const connection = connect(endpoint.href.replace(/^http/, 'ws'))
  const client = createClient({
    url: endpoint.href,
    preferGetMethod: false,
    fetchOptions: { credentials: 'same-origin' },
    fetch: fetchInTime,
    exchanges: [
      mapExchange({ onError: (error) => isUnauthenticated(error) && session.set('needed') }),
      createCache(),
      subscriptionExchange({ forwardSubscription: (request) => forward(connection, request) }),
      fetchExchange,
    ],
  })
  return { client, connection }
}

/** Milliseconds; the server itself gives up after 30 seconds. */
const longestRequest = 40_000

const fetchInTime: typeof fetch = (input, init) => {
  const signals = [init?.signal, AbortSignal.timeout(longestRequest)].filter((signal) => signal != null)
  return fetch(input, { ...init, signal: AbortSignal.any(signals) })
}

type ForwardSubscription = Parameters<typeof subscriptionExchange>[0]['forwardSubscription']

/** No stream of this page ends by itself: that the server completed one is an error to whoever follows it. */
function forward(connection: Connection, request: Parameters<ForwardSubscription>[0]) {
  const { query = '', operationName, variables } = request
  const payload = {
    query,
    ...(operationName && { operationName }),
    variables: variables as Record<string, unknown>,
  }
  return {
    subscribe: (sink: Parameters<ReturnType<ForwardSubscription>['subscribe']>[0]) => {
      const unsubscribe = connection.subscribe(payload, {
        next: (result) => sink.next(result as Parameters<typeof sink.next>[0]),
        error: (error) => sink.error(error),
        complete: () => sink.error(new Error('The server ended the stream')),
      })
      return { unsubscribe }
    },
  }
}

/** Whether the server refused for want of the access token. */
export function isUnauthenticated(error: CombinedError): boolean {
  if (error.graphQLErrors.some(({ extensions }) => extensions.code === 'UNAUTHENTICATED')) return true
  const { response, networkError } = error as { response?: Response; networkError?: { code?: number } }
  return response?.status === 401 || networkError?.code === 4401
}

/**
 * Follows a subscription over all interruptions of the network. `onEnd` is called once when the server refuses or
 * ends it; not after the returned function was called. Events may come more than once: urql repeats the last one.
 */
export function follow<Data, Variables extends AnyVariables>(
  client: Client,
  document: TypedDocumentNode<Data, Variables>,
  variables: Variables,
  { onEvent, onEnd }: { onEvent(data: Data): void; onEnd(error: CombinedError): void },
): () => void {
  let ended = false
  const { unsubscribe } = client.subscription(document, variables).subscribe((result) => {
    if (ended) return
    if (result.error) {
      ended = true
      onEnd(result.error)
    } else if (result.data) {
      onEvent(result.data)
    }
  })
  return () => {
    ended = true
    unsubscribe()
  }
}
