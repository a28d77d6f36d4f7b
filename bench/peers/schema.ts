import { tokensOf } from './tokens.ts'

/** One schema for every GraphQL server: a subscription whose events are the tokens of an answer. */
export const typeDefs = /* GraphQL */ `
  type Query {
    hello: String!
  }
  type Subscription {
    answer(prompt: String!): String!
  }
`

async function* answer(_root: unknown, { prompt }: { prompt: string }) {
  for await (const text of tokensOf(prompt)) yield { answer: text }
}

export const resolvers = {
  Query: { hello: () => 'world' },
  Subscription: { answer: { subscribe: answer } },
}
