import { getIntrospectionQuery } from 'graphql'
import { describe, expect, test } from 'vitest'
import type { Limits } from '../../../src/server/limits/limits.ts'
import { startEdge } from '../../support/edge.ts'
import {
  type GraphQLRequest,
  openEvents,
  openSocket,
  postGraphQL,
  sendHttp,
} from '../../support/graphql-client.ts'
import { transports } from '../../support/transports.ts'

type Case = {
  readonly what: string
  readonly limits: Partial<Limits>
  /** Just within the limit. */
  readonly within: GraphQLRequest
  /** Just beyond it. */
  readonly beyond: GraphQLRequest
  readonly code: string
}

const nested = (levels: number) => `{ thing { ${'self { '.repeat(levels - 2)}name${' }'.repeat(levels)}`
const page = (args: string) => ({ query: `{ thing { things${args} { name } } }` })
const pages = (inner: number) => ({
  query: 'query ($inner: Int!) { thing { things(first: 10) { things(first: $inner) { name } } } }',
  variables: { inner },
})

/** The limits of documents: one table for every transport. */
const cases: readonly Case[] = [
  {
    what: 'tokens of a document',
    limits: { tokens: 6 },
    within: { query: '{ hello viewer }' },
    beyond: { query: '{ hello viewer thing { name } }' },
    code: 'COST_LIMIT',
  },
  {
    what: 'depth of fields',
    limits: { depth: 4 },
    within: { query: nested(4) },
    beyond: { query: nested(5) },
    code: 'COST_LIMIT',
  },
  {
    what: 'depth through fragments',
    limits: { depth: 3 },
    within: { query: '{ thing { ...A } } fragment A on Thing { self { name } }' },
    beyond: {
      query: '{ thing { ...A } } fragment A on Thing { self { ...B } } fragment B on Thing { self { name } }',
    },
    code: 'COST_LIMIT',
  },
  {
    what: 'aliases',
    limits: { aliases: 2 },
    within: { query: '{ a: hello b: hello }' },
    beyond: { query: '{ a: hello b: hello c: hello }' },
    code: 'COST_LIMIT',
  },
  {
    what: 'aliases of __typename',
    limits: { aliases: 2 },
    within: { query: '{ a: __typename b: __typename }' },
    beyond: { query: '{ a: __typename b: __typename c: __typename }' },
    code: 'COST_LIMIT',
  },
  {
    what: 'directives on one node',
    limits: { directives: 1 },
    within: { query: '{ hello @include(if: true) viewer @include(if: true) }' },
    beyond: { query: '{ hello @include(if: true) @skip(if: false) }' },
    code: 'COST_LIMIT',
  },
  {
    what: 'size of a page',
    limits: { pageSize: 10 },
    within: page('(first: 10)'),
    beyond: page('(first: 11)'),
    code: 'BAD_USER_INPUT',
  },
  {
    what: 'size of a page from its end',
    limits: { pageSize: 10 },
    within: page('(last: 0)'),
    beyond: page('(last: -1)'),
    code: 'BAD_USER_INPUT',
  },
  {
    what: 'two sizes of one page',
    limits: {},
    within: page('(first: 1, last: null)'),
    beyond: page('(first: 1, last: 1)'),
    code: 'BAD_USER_INPUT',
  },
  {
    // 1 for the thing, 10 × (1 for each of its things + inner × 1 for each of theirs)
    what: 'cost, which variables decide',
    limits: { cost: 61 },
    within: pages(5),
    beyond: pages(6),
    code: 'COST_LIMIT',
  },
  {
    what: 'cost of a list that nobody limits',
    limits: { cost: 20 },
    within: page('(first: 19)'),
    beyond: page(''),
    code: 'COST_LIMIT',
  },
]

describe.each(transports)('over $name', ({ run }) => {
  test.each(cases)('$what', async ({ limits, within, beyond, code }) => {
    await using edge = await startEdge({ limits })
    const taken = await run(edge.endpoint, within)
    expect(taken.errors).toEqual([])
    expect(taken.results).toHaveLength(1)
    const refused = await run(edge.endpoint, beyond)
    expect(refused.errors.map((error) => error.extensions?.code)).toEqual([code])
    expect(refused.results.filter((result) => result.data)).toEqual([])
  })

  test('operations a second of one address', async () => {
    await using edge = await startEdge({ limits: { operationsPerSecond: 5 } })
    const runs = await Promise.all(
      Array.from({ length: 12 }, () => run(edge.endpoint, { query: '{ hello }' })),
    )
    const codes = runs.flatMap(({ errors }) => errors.map((error) => error.extensions?.code))
    expect(new Set(codes)).toEqual(new Set(['RATE_LIMITED']))
    // Two windows at most, as the twelve may meet the end of a second.
    expect(runs.length - codes.length).toBeGreaterThanOrEqual(5)
    expect(runs.length - codes.length).toBeLessThanOrEqual(10)
  })

  test('a document made to expand without end is measured at once', async () => {
    await using edge = await startEdge({ limits: { depth: 1_000 } })
    const fragments = Array.from(
      { length: 60 },
      (_, n) => `fragment F${n} on Thing { self { ...F${n + 1} ...F${n + 1} } }`,
    )
    const query = `{ thing { ...F0 } } ${fragments.join(' ')} fragment F60 on Thing { name }`
    const { errors } = await run(edge.endpoint, { query })
    expect(errors.map((error) => error.extensions?.code)).toEqual(['COST_LIMIT'])
  })

  test('a query that never ends is ended', async () => {
    await using edge = await startEdge({ timers: { operation: 100 } })
    const { errors } = await run(edge.endpoint, { query: '{ stuck }' })
    expect(errors).toEqual([
      {
        message: 'The operation took longer than 100 ms',
        extensions: { code: 'INTERNAL_SERVER_ERROR', requestId: expect.any(String), retryable: true },
      },
    ])
  })
})

test.each(transports)('introspection is within the limits over $name', async ({ run }) => {
  await using edge = await startEdge()
  const { errors, results } = await run(edge.endpoint, {
    query: getIntrospectionQuery({ inputValueDeprecation: true }),
  })
  expect(errors).toEqual([])
  expect(results).toMatchObject([{ data: { __schema: { queryType: { name: 'Query' } } } }])
})

test.each(transports.filter(({ streams }) => streams))(
  'a subscription that never starts is ended over $name',
  async ({ run }) => {
    await using edge = await startEdge({ timers: { operation: 100 } })
    const { errors } = await run(edge.endpoint, { query: 'subscription { neverStarts { n } }' })
    expect(errors.map((error) => error.message)).toEqual(['The operation took longer than 100 ms'])
  },
)

describe('a body over the limit', () => {
  const limits = { bodyBytes: 2_000 }
  const request = { query: '{ hello }', variables: { padding: 'x'.repeat(3_000) } }

  test.each(['application/json', 'text/event-stream'])(
    'is answered with 413 to who accepts %s',
    async (accept) => {
      await using edge = await startEdge({ limits })
      const reply = await postGraphQL(edge.endpoint, request, { Accept: accept })
      expect(reply.status).toBe(413)
      expect(reply.json().errors?.[0]?.extensions?.code).toBe('BAD_USER_INPUT')
    },
  )

  test('is answered also when its length is not announced', async () => {
    await using edge = await startEdge({ limits })
    const headers = { 'Content-Type': 'application/json', 'Transfer-Encoding': 'chunked' }
    const reply = await sendHttp(edge.endpoint, { method: 'POST', headers, body: JSON.stringify(request) })
    expect(reply.status).toBe(413)
  })

  test('closes a WebSocket with 1009', async () => {
    await using edge = await startEdge({ limits })
    await using socket = await openSocket(edge.endpoint)
    socket.subscribe('one', request)
    expect((await socket.closed).code).toBe(1009)
  })
})

describe('what one WebSocket carries', () => {
  test('subscriptions beyond the limit are refused, and one that ends makes room', async () => {
    await using edge = await startEdge({ limits: { subscriptionsPerSocket: 2 } })
    await using socket = await openSocket(edge.endpoint)
    const silent = { query: 'subscription { silent { n } }' }
    for (const id of ['1', '2', '3']) socket.subscribe(id, silent)
    expect((await socket.next('1')).type).toBe('next')
    expect((await socket.next('2')).type).toBe('next')
    expect(await socket.next('3')).toMatchObject({
      type: 'error',
      payload: [{ extensions: { code: 'TOO_MANY_SUBSCRIPTIONS' } }],
    })
    socket.send({ type: 'complete', id: '1' })
    socket.subscribe('4', silent)
    expect((await socket.next('4')).type).toBe('next')
  })

  test('operations under way beyond the limit are refused', async () => {
    await using edge = await startEdge({ limits: { operationsPerSocket: 2 } })
    await using socket = await openSocket(edge.endpoint)
    for (const id of ['1', '2']) socket.subscribe(id, { query: '{ stuck }' })
    socket.subscribe('3', { query: '{ hello }' })
    expect(await socket.next('3')).toMatchObject({
      type: 'error',
      payload: [{ extensions: { code: 'RATE_LIMITED' } }],
    })
  })
})

describe('connections of one address', () => {
  const settings = { trustProxy: true, limits: { socketsPerAddress: 2 } }
  const from = (address: string) => ({ 'X-Forwarded-For': address })
  const silent = { query: 'subscription { silent { n } }' }

  test('beyond the limit are refused, whether WebSocket or SSE; another address has its own', async () => {
    await using edge = await startEdge(settings)
    await using _socket = await openSocket(edge.endpoint, { headers: from('203.0.113.1') })
    await using _events = await openEvents(edge.endpoint, silent, from('203.0.113.1'))
    await expect(openSocket(edge.endpoint, { headers: from('203.0.113.1') })).rejects.toThrow(
      'refused with 429',
    )
    await using refused = await openEvents(edge.endpoint, silent, from('203.0.113.1'))
    expect(refused.status).toBe(429)
    await using other = await openSocket(edge.endpoint, { headers: from('203.0.113.2') })
    expect(other.socket.readyState).toBe(other.socket.OPEN)
  })

  test('are counted down when they end', async () => {
    await using edge = await startEdge({ ...settings, limits: { socketsPerAddress: 1 } })
    const socket = await openSocket(edge.endpoint, { headers: from('203.0.113.1') })
    socket.socket.close()
    await socket.closed
    await using events = await openEvents(edge.endpoint, silent, from('203.0.113.1'))
    expect(events.status).toBe(200)
  })

  test('are not counted on loopback', async () => {
    await using edge = await startEdge({ limits: { socketsPerAddress: 1 } })
    await using _first = await openSocket(edge.endpoint)
    await using second = await openSocket(edge.endpoint)
    expect(second.socket.readyState).toBe(second.socket.OPEN)
  })
})
