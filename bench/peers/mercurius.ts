import type { AddressInfo } from 'node:net'
import { fastify } from 'fastify'
import mercurius from 'mercurius'
import { tell } from './listen.ts'
import { resolvers, typeDefs } from './schema.ts'

/** Mercurius on Fastify, with the subscriptions and the compiler that it brings. */
const app = fastify()
await app.register(mercurius.default ?? mercurius, {
  schema: typeDefs,
  resolvers: resolvers as never,
  subscription: true,
  jit: 1,
})
await app.listen({ port: 0, host: '127.0.0.1' })
tell((app.server.address() as AddressInfo).port)
