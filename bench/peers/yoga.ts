import { createServer } from 'node:http'
import type { ExecutionArgs } from 'graphql'
import { useServer } from 'graphql-ws/use/ws'
import { createPubSub, createSchema, createYoga } from 'graphql-yoga'
import { WebSocketServer } from 'ws'
import { listen } from './listen.ts'
import { resolvers, typeDefs } from './schema.ts'
import { tokensOf } from './tokens.ts'

/** Yoga with graphql-ws, by Yoga's own recipe. */
type Rooted = ExecutionArgs & {
  rootValue: { execute(args: ExecutionArgs): never; subscribe(args: ExecutionArgs): never }
}

const pubSub = createPubSub<{ token: [string] }>()

/** What one asks for and all watch goes through Yoga's own pub/sub. */
const shared = {
  Mutation: {
    share: async (_root: unknown, { prompt }: { prompt: string }) => {
      for await (const text of tokensOf(prompt)) pubSub.publish('token', text)
      return true
    },
  },
  Subscription: {
    watch: { subscribe: () => pubSub.subscribe('token'), resolve: (text: string) => text },
  },
}
const sharedTypes = /* GraphQL */ `
  type Mutation {
    share(prompt: String!): Boolean!
  }
  extend type Subscription {
    watch: String!
  }
`
const schema = createSchema({ typeDefs: [typeDefs, sharedTypes], resolvers: [resolvers, shared] })
const yoga = createYoga({ schema, logging: false })
const server = createServer(yoga)
const sockets = new WebSocketServer({ server, path: yoga.graphqlEndpoint })

useServer(
  {
    execute: (args) => (args as Rooted).rootValue.execute(args),
    subscribe: (args) => (args as Rooted).rootValue.subscribe(args),
    onSubscribe: async (context, _id, params) => {
      const { schema, execute, subscribe, contextFactory, parse, validate } = yoga.getEnveloped({
        ...context,
        req: context.extra.request,
        socket: context.extra.socket,
        params,
      })
      const args = {
        schema,
        operationName: params.operationName,
        document: parse(params.query),
        variableValues: params.variables,
        contextValue: await contextFactory(),
        rootValue: { execute, subscribe },
      }
      const errors = validate(args.schema, args.document)
      return errors.length > 0 ? errors : args
    },
  },
  sockets,
)

listen(server)
