import {
  type GraphQLError,
  type GraphQLRequest,
  type GraphQLResult,
  openEvents,
  openSocket,
  postGraphQL,
  runOnSocket,
} from './graphql-client.ts'

/** Runs one operation to its end and gives everything that the client saw of it. */
export type Run = (
  endpoint: string,
  request: GraphQLRequest,
) => Promise<{ readonly results: readonly GraphQLResult[]; readonly errors: readonly GraphQLError[] }>

type Transport = { readonly name: string; readonly streams: boolean; readonly run: Run }

/** Every way for an operation to reach the server. What holds for one has to hold for all. */
export const transports: readonly Transport[] = [
  {
    name: 'HTTP',
    streams: false,
    async run(endpoint, request) {
      return seen([(await postGraphQL(endpoint, request)).json()])
    },
  },
  {
    name: 'SSE',
    streams: true,
    async run(endpoint, request) {
      await using events = await openEvents(endpoint, request)
      const all = await events.rest()
      return seen(all.filter(({ event }) => event === 'next').map(({ data }) => JSON.parse(data)))
    },
  },
  {
    name: 'WebSocket',
    streams: true,
    async run(endpoint, request) {
      await using socket = await openSocket(endpoint)
      const { results, errors } = await runOnSocket(socket, 'one', request)
      return seen(results, errors ?? [])
    },
  },
]

function seen(results: readonly GraphQLResult[], errors: readonly GraphQLError[] = []) {
  return { results, errors: [...errors, ...results.flatMap((result) => result.errors ?? [])] }
}
