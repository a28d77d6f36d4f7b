import { createServer } from 'node:http'
import { ApolloServer } from '@apollo/server'
import { ApolloServerPluginDrainHttpServer } from '@apollo/server/plugin/drainHttpServer'
import { expressMiddleware } from '@as-integrations/express5'
import { makeExecutableSchema } from '@graphql-tools/schema'
import express from 'express'
import { useServer } from 'graphql-ws/use/ws'
import { WebSocketServer } from 'ws'
import { listen } from './listen.ts'
import { resolvers, typeDefs } from './schema.ts'

/** Apollo Server on Express with graphql-ws, as its documentation shows for subscriptions. */
const schema = makeExecutableSchema({ typeDefs, resolvers })
const app = express()
const server = createServer(app)
const sockets = new WebSocketServer({ server, path: '/graphql' })
const cleanup = useServer({ schema }, sockets)

const apollo = new ApolloServer({
  schema,
  plugins: [
    ApolloServerPluginDrainHttpServer({ httpServer: server }),
    { serverWillStart: async () => ({ drainServer: async () => cleanup.dispose() }) },
  ],
})
await apollo.start()
app.use('/graphql', express.json(), expressMiddleware(apollo))
listen(server)
