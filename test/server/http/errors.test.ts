import { describe, expect, test } from 'vitest'
import { type Edge, startEdge } from '../../support/edge.ts'
import { type GraphQLRequest, postGraphQL, sendHttp } from '../../support/graphql-client.ts'
import { transports } from '../../support/transports.ts'

/** The log's entry of a masked error: it holds what the client must not see. */
function entryOf(edge: Edge, requestId: unknown) {
  return edge.log.find((entry) => entry.requestId === requestId)
}

const streamFailures: [string, GraphQLRequest, string][] = [
  ['of a stream', { query: 'subscription { breaks { n } }' }, 'a secret of the stream'],
  ["of an event's field", { query: 'subscription { count(to: 1) { broken } }' }, 'a secret of the event'],
]

describe.each(transports)('over $name', ({ run, streams }) => {
  test.each([
    ['of a query', { query: '{ fail }' }, 'a secret of the query'],
    ['that takes the whole result with it', { query: '{ failStrictly }' }, 'a secret of the query'],
    ['of a field below', { query: '{ thing { broken } }' }, 'a secret of the field'],
    ...streamFailures.filter(() => streams),
  ])('an error %s is masked, with the id under which it is logged', async (_what, request, secret) => {
    await using edge = await startEdge()
    const { errors, results } = await run(edge.endpoint, request)
    expect(errors).toHaveLength(1)
    expect(errors[0]).toMatchObject({
      message: 'Internal server error',
      extensions: { code: 'INTERNAL_SERVER_ERROR', requestId: expect.any(String) },
    })
    expect(JSON.stringify([errors, results])).not.toContain('secret')
    expect(JSON.stringify(errors)).not.toContain('stack')
    expect(entryOf(edge, errors[0]?.extensions?.requestId)).toMatchObject({
      level: 50,
      err: { message: secret },
    })
  })

  test.each([
    ['a value that its type cannot serialise', '{ badValue }'],
    ['nothing where something was promised', '{ missing }'],
    ['a value of no known type', '{ typeless { name } }'],
  ])('%s is our mistake', async (_what, query) => {
    await using edge = await startEdge()
    const { errors } = await run(edge.endpoint, { query })
    expect(errors[0]?.message).toBe('Internal server error')
    expect(errors[0]?.extensions?.code).toBe('INTERNAL_SERVER_ERROR')
    expect(entryOf(edge, errors[0]?.extensions?.requestId)).toBeDefined()
  })

  test.each([
    ['a syntax error', { query: '{ hello' }, 'GRAPHQL_PARSE_FAILED'],
    ['a document that holds nothing', { query: '# nothing' }, 'GRAPHQL_PARSE_FAILED'],
    ['an unknown field', { query: '{ nothing }' }, 'GRAPHQL_VALIDATION_FAILED'],
    ['a missing argument', { query: '{ number }' }, 'GRAPHQL_VALIDATION_FAILED'],
    ['a literal of the wrong type', { query: '{ number(value: "1") }' }, 'GRAPHQL_VALIDATION_FAILED'],
    ['a literal that its scalar refuses', { query: '{ fussy(value: "bad") }' }, 'GRAPHQL_VALIDATION_FAILED'],
    [
      'a variable of the wrong type',
      { query: 'query ($v: Int!) { number(value: $v) }', variables: { v: 'one' } },
      'BAD_USER_INPUT',
    ],
    ['a missing variable', { query: 'query ($v: Int!) { number(value: $v) }' }, 'BAD_USER_INPUT'],
    [
      'a variable that its scalar refuses',
      { query: 'query ($v: Fussy) { fussy(value: $v) }', variables: { v: 'bad' } },
      'BAD_USER_INPUT',
    ],
    [
      'a variable of the wrong type in a subscription',
      { query: 'subscription ($v: Int!) { count(to: $v) { n } }', variables: { v: 'one' } },
      'BAD_USER_INPUT',
    ],
    ['an unknown operation', { query: 'query A { hello }', operationName: 'B' }, 'BAD_USER_INPUT'],
    ['no name among several operations', { query: 'query A { hello } query B { hello }' }, 'BAD_USER_INPUT'],
  ])('%s has its code and says why', async (_what, request, code) => {
    await using edge = await startEdge()
    const { errors, results } = await run(edge.endpoint, request)
    expect(errors.length).toBeGreaterThan(0)
    for (const error of errors) {
      expect(error.extensions).toEqual({ code })
      expect(error.message).not.toBe('Internal server error')
    }
    expect(results.filter((result) => result.data)).toEqual([])
    expect(edge.log.filter((entry) => entry.level >= 50)).toEqual([])
  })

  test('a document with many mistakes names the first twenty', async () => {
    await using edge = await startEdge()
    const fields = Array.from({ length: 200 }, (_, n) => `nothing${n}`)
    const { errors } = await run(edge.endpoint, { query: `{ ${fields.join(' ')} }` })
    expect(errors.length).toBeLessThanOrEqual(21)
  })

  test.each(['BAD_USER_INPUT', 'FORBIDDEN', 'NOT_FOUND', 'RATE_LIMITED', 'TOO_MANY_SUBSCRIPTIONS'])(
    'a refusal with %s keeps its code and message',
    async (code) => {
      await using edge = await startEdge()
      const variables = { code }
      const query = await run(edge.endpoint, {
        query: 'query ($code: String!) { refuse(code: $code) }',
        variables,
      })
      expect(query.errors).toMatchObject([
        { message: `Refused with ${code}`, path: ['refuse'], extensions: { code } },
      ])
      const stream = await run(edge.endpoint, {
        query: 'subscription ($code: String!) { refused(code: $code) { n } }',
        variables,
      })
      expect(stream.errors).toMatchObject([{ message: `Refused with ${code}`, extensions: { code } }])
    },
  )

  test('what is not an error does not come with one', async () => {
    await using edge = await startEdge()
    expect(await run(edge.endpoint, { query: '{ hello(name: "you") }' })).toEqual({
      errors: [],
      results: [{ data: { hello: 'Hello you' } }],
    })
  })
})

test.each(transports.filter(({ streams }) => streams))(
  'results before a stream breaks are delivered over $name',
  async ({ run }) => {
    await using edge = await startEdge()
    const { results } = await run(edge.endpoint, { query: 'subscription { breaks { n } }' })
    expect(results[0]).toEqual({ data: { breaks: { n: 1 } } })
  },
)

describe('the status of an HTTP response', () => {
  test.each([
    ['{ hello', 400],
    ['{ nothing }', 400],
    ['{ fail }', 200],
    ['{ failStrictly }', 200],
    ['query ($v: Int!) { number(value: $v) }', 400],
  ])('of %s is %i', async (query, status) => {
    await using edge = await startEdge()
    expect((await postGraphQL(edge.endpoint, { query })).status).toBe(status)
  })

  test('of a refusal is that of its code', async () => {
    await using edge = await startEdge({ limits: { operationsPerSecond: 0 } })
    const reply = await postGraphQL(edge.endpoint, { query: '{ hello }' })
    expect(reply.status).toBe(429)
    expect(reply.json().errors?.[0]?.extensions).toEqual({ code: 'RATE_LIMITED' })
  })
})

describe('a request that is none', () => {
  test.each([
    ['malformed JSON', '{"query":'],
    ['JSON that is no object', '7'],
    ['a list', '[{"query":"{ hello }"}]'],
    ['no query', '{}'],
    ['a query that is no text', '{"query":{}}'],
    ['variables that are no object', '{"query":"{ hello }","variables":[1]}'],
    ['an unknown parameter', '{"query":"{ hello }","qeury":1}'],
    ['nothing', ''],
    ['bytes that are no UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x7d])],
  ])('%s is BAD_USER_INPUT', async (_what, body) => {
    await using edge = await startEdge()
    const headers = { 'Content-Type': 'application/json' }
    const reply = await sendHttp(edge.endpoint, { method: 'POST', headers, body })
    expect(reply.status).toBe(400)
    expect(reply.json().errors?.map((error) => error.extensions)).toEqual([{ code: 'BAD_USER_INPUT' }])
    expect((await postGraphQL(edge.endpoint, { query: '{ hello }' })).status).toBe(200)
    expect(edge.log.filter((entry) => entry.level >= 50)).toEqual([])
  })

  test.each([
    '?query={hello}&variables={',
    '?query={hello}&variables=7',
    '?variables={}',
    '?query={hello}&extensions=x',
  ])('GET %s is BAD_USER_INPUT', async (search) => {
    await using edge = await startEdge()
    const reply = await sendHttp(edge.endpoint + search)
    expect(reply.status).toBe(400)
    expect(reply.json().errors?.map((error) => error.extensions)).toEqual([{ code: 'BAD_USER_INPUT' }])
  })

  test('a subscription for somebody who cannot read events says what to accept', async () => {
    await using edge = await startEdge()
    const request = { query: 'subscription { silent { n } }' }
    const reply = await postGraphQL(edge.endpoint, request, { Accept: 'application/json' })
    expect(reply.status).toBe(406)
    expect(reply.json().errors?.[0]).toMatchObject({
      message: expect.stringContaining('text/event-stream'),
      extensions: { code: 'BAD_USER_INPUT' },
    })
  })
})

test('a context that cannot be made is masked like everything else', async () => {
  await using edge = await startEdge({
    createContext: () => Promise.reject(new Error('a secret of the context')),
  })
  for (const { run } of transports) {
    const { errors } = await run(edge.endpoint, { query: '{ hello }' })
    expect(errors[0]).toMatchObject({
      message: 'Internal server error',
      extensions: { code: 'INTERNAL_SERVER_ERROR', requestId: expect.any(String) },
    })
  }
  expect(edge.log.filter((entry) => entry.level === 50)).toHaveLength(3)
})
