import { setTimeout as delay } from 'node:timers/promises'
import {
  type GraphQLFieldConfig,
  GraphQLInt,
  GraphQLInterfaceType,
  GraphQLList,
  GraphQLNonNull,
  GraphQLObjectType,
  GraphQLScalarType,
  GraphQLSchema,
  GraphQLString,
} from 'graphql'
import { RequestError, type RequestErrorCode } from '../../src/server/errors.ts'
import type { Operation } from '../../src/server/http/operation.ts'

/** What the test schema's resolvers find in their context. */
export type EdgeContext = { readonly operation: Operation }

type Field = GraphQLFieldConfig<unknown, EdgeContext>

const text = new GraphQLNonNull(GraphQLString)
const number = new GraphQLNonNull(GraphQLInt)

/** A scalar whose parser throws what a careless one throws. */
const Fussy = new GraphQLScalarType({
  name: 'Fussy',
  parseValue(value) {
    if (value !== 'good') throw new TypeError(`not good: ${String(value)}`)
    return value
  },
})

/** An interface that cannot tell what a value is. */
const Typeless = new GraphQLInterfaceType({ name: 'Typeless', fields: { name: { type: text } } })

const Thing: GraphQLObjectType<unknown, EdgeContext> = new GraphQLObjectType({
  name: 'Thing',
  fields: (): Record<string, Field> => ({
    name: { type: text, resolve: () => 'thing' },
    self: { type: Thing, resolve: () => ({}) },
    broken: { type: GraphQLString, resolve: () => fail('a secret of the field') },
    things: {
      type: new GraphQLList(Thing),
      args: { first: { type: GraphQLInt }, last: { type: GraphQLInt }, after: { type: GraphQLString } },
      extensions: { cost: { weight: 1, multipliers: ['first', 'last'] } },
      resolve: () => [{}],
    },
  }),
})

const Query = new GraphQLObjectType<unknown, EdgeContext>({
  name: 'Query',
  fields: {
    hello: {
      type: text,
      args: { name: { type: GraphQLString } },
      resolve: (_, { name }) => `Hello ${name ?? ''}`,
    },
    viewer: { type: text, resolve: (_root, _args, { operation }) => operation.viewer.id },
    thing: { type: Thing, resolve: () => ({}) },
    fussy: { type: GraphQLString, args: { value: { type: Fussy } }, resolve: () => 'taken' },
    number: { type: GraphQLInt, args: { value: { type: number } }, resolve: (_, { value }) => value },
    fail: { type: GraphQLString, resolve: () => fail('a secret of the query') },
    failStrictly: { type: text, resolve: () => fail('a secret of the query') },
    badValue: { type: GraphQLInt, resolve: () => 'no number' },
    missing: { type: new GraphQLNonNull(GraphQLInt), resolve: () => null },
    typeless: { type: Typeless, resolve: () => ({}) },
    refuse: { type: GraphQLString, args: { code: { type: text } }, resolve: (_, { code }) => refuse(code) },
    stuck: { type: GraphQLString, resolve: (_root, _args, { operation }) => aborted(operation.signal) },
    later: {
      type: GraphQLString,
      args: { milliseconds: { type: number } },
      resolve: (_, { milliseconds }) =>
        new Promise((resolve) => setTimeout(() => resolve('at last'), milliseconds as number)),
    },
  },
})

const Mutation = new GraphQLObjectType<unknown, EdgeContext>({
  name: 'Mutation',
  fields: { touch: { type: text, resolve: () => 'touched' } },
})

const Event = new GraphQLObjectType<{ cursor: string; n: number; text: string }, EdgeContext>({
  name: 'Event',
  fields: {
    cursor: { type: text },
    n: { type: number },
    text: { type: text },
    broken: { type: GraphQLString, resolve: () => fail('a secret of the event') },
  },
})

type StreamArgs = { readonly to: number; readonly size: number; readonly code: RequestErrorCode }

function stream(args: Field['args'], subscribe: (args: StreamArgs, context: EdgeContext) => unknown): Field {
  return {
    type: new GraphQLNonNull(Event),
    args: args ?? {},
    subscribe: (_root, given, context) => subscribe(given as StreamArgs, context),
    resolve: (event) => event,
  }
}

/** How many sources of a field are running: a test sees that one has been put away. */
export const running = { endless: 0, silent: 0 }

const Subscription = new GraphQLObjectType<unknown, EdgeContext>({
  name: 'Subscription',
  fields: {
    /** From 1 to `to`, or on after the event that the reader holds. */
    count: stream({ to: { type: number } }, async function* ({ to }, { operation }) {
      const held = Number(operation.lastEventId?.slice('count-'.length) ?? 0)
      for (let n = held + 1; n <= to; n++) yield eventOf('count', n)
    }),
    /** Always has the next event, each of `size` characters. */
    endless: stream({ size: { type: number } }, async function* ({ size }) {
      running.endless += 1
      const padding = 'x'.repeat(size)
      try {
        for (let n = 1; ; n++) yield eventOf('endless', n, padding)
      } finally {
        running.endless -= 1
      }
    }),
    /** A short event every few milliseconds. */
    ticking: stream({}, async function* (_args, { operation }) {
      for (let n = 1; !operation.signal.aborted; n++) {
        yield eventOf('ticking', n)
        await delay(5)
      }
    }),
    /** One event, then nothing until it is stopped. */
    silent: stream({}, async function* (_args, { operation }) {
      running.silent += 1
      try {
        yield eventOf('silent', 1)
        await aborted(operation.signal).catch(() => {})
      } finally {
        running.silent -= 1
      }
    }),
    /** One event, then nothing, and deaf to the signal. */
    deaf: stream({}, async function* () {
      yield eventOf('deaf', 1)
      await new Promise(() => {})
    }),
    breaks: stream({}, async function* () {
      yield eventOf('breaks', 1)
      throw new Error('a secret of the stream')
    }),
    refused: stream({ code: { type: text } }, ({ code }) => refuse(code)),
    neverStarts: stream({}, () => new Promise(() => {})),
  },
})

/** A schema with one field for everything that can happen to an operation. */
export const edgeSchema = new GraphQLSchema({ query: Query, mutation: Mutation, subscription: Subscription })

function eventOf(source: string, n: number, padding = '') {
  return { cursor: `${source}-${n}`, n, text: padding }
}

function fail(message: string): never {
  throw new Error(message)
}

function refuse(code: RequestErrorCode): never {
  throw new RequestError(code, `Refused with ${code}`)
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) =>
    signal.addEventListener('abort', () => reject(new Error('aborted'))),
  )
}
