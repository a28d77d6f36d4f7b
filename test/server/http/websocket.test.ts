import { createClient } from 'graphql-ws'
import { describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { startEdge } from '../../support/edge.ts'
import { running } from '../../support/edge-schema.ts'
import { eventually } from '../../support/eventually.ts'
import { openSocket, runOnSocket } from '../../support/graphql-client.ts'

const silent = { query: 'subscription { silent { n } }' }
const hello = { query: '{ hello }' }

describe('one socket', () => {
  test('carries queries, mutations and subscriptions beside each other', async () => {
    await using edge = await startEdge()
    await using socket = await openSocket(edge.endpoint)
    const [query, mutation, stream] = await Promise.all([
      runOnSocket(socket, 'q', hello),
      runOnSocket(socket, 'm', { query: 'mutation { touch }' }),
      runOnSocket(socket, 's', { query: 'subscription { count(to: 3) { n } }' }),
    ])
    expect(query.results).toEqual([{ data: { hello: 'Hello ' } }])
    expect(mutation.results).toEqual([{ data: { touch: 'touched' } }])
    expect(stream.results.map((result) => result.data)).toEqual([1, 2, 3].map((n) => ({ count: { n } })))
  })

  test.each([
    ['a syntax error', { query: '{ hello' }],
    ['a document that does not fit the schema', { query: '{ nothing }' }],
    ['a stream that breaks', { query: 'subscription { breaks { n } }' }],
    ['a stream that cannot start', { query: 'subscription { refused(code: "NOT_FOUND") { n } }' }],
    ['a failing query', { query: '{ failStrictly }' }],
    ['an operation over a limit', { query: `{ ${'a: hello '.repeat(40)} }` }],
  ])('survives %s, and so does what else runs on it', async (_what, request) => {
    await using edge = await startEdge()
    await using socket = await openSocket(edge.endpoint)
    socket.subscribe('other', silent)
    expect((await socket.next('other')).type).toBe('next')
    await runOnSocket(socket, 'wrong', request)
    expect((await runOnSocket(socket, 'after', hello)).errors).toBeNull()
    socket.send({ type: 'complete', id: 'other' })
    await eventually(() => expect(running.silent).toBe(0))
    expect(socket.socket.readyState).toBe(WebSocket.OPEN)
  })

  test('stops a source when the client completes it, or goes away', async () => {
    await using edge = await startEdge()
    await using socket = await openSocket(edge.endpoint)
    socket.subscribe('1', silent)
    await socket.next('1')
    expect(running.silent).toBe(1)
    socket.send({ type: 'complete', id: '1' })
    await eventually(() => expect(running.silent).toBe(0))
    socket.subscribe('2', silent)
    await socket.next('2')
    socket.socket.terminate()
    await eventually(() => expect(running.silent).toBe(0))
  })

  test('answers the pings of its client', async () => {
    await using edge = await startEdge()
    await using socket = await openSocket(edge.endpoint)
    socket.send({ type: 'ping', payload: { beat: 1 } })
    expect(await socket.next()).toEqual({ type: 'pong', payload: { beat: 1 } })
  })
})

describe('a client that breaks the protocol is closed with', () => {
  test.each([
    ['4408 when it never sends connection_init', [], 4408],
    ['4400 for what is not JSON', ['{"type":'], 4400],
    ['4400 for JSON that is no message', ['7'], 4400],
    ['4400 for an unknown message', [{ type: 'surprise' }], 4400],
    ['4400 for a message that only servers send', [{ type: 'connection_ack' }], 4400],
    ['4400 for a binary frame', [new Uint8Array([1, 2, 3])], 4400],
    ['4401 for an operation before connection_init', [{ type: 'subscribe', id: '1', payload: hello }], 4401],
    ['4429 for a second connection_init', [{ type: 'connection_init' }, { type: 'connection_init' }], 4429],
  ])('%s', async (_what, messages, code) => {
    await using edge = await startEdge({ timers: { connectionInit: 200 } })
    await using socket = await openSocket(edge.endpoint, { init: false })
    for (const message of messages) socket.send(message)
    expect((await socket.closed).code).toBe(code)
    await using other = await openSocket(edge.endpoint)
    expect((await runOnSocket(other, '1', hello)).errors).toBeNull()
  })

  test('4409 for an id that is in use', async () => {
    await using edge = await startEdge()
    await using socket = await openSocket(edge.endpoint)
    socket.subscribe('1', silent)
    socket.subscribe('1', silent)
    expect((await socket.closed).code).toBe(4409)
  })

  test('4406 for no subprotocol', async () => {
    await using edge = await startEdge()
    const socket = new WebSocket(edge.endpoint.replace('http', 'ws'))
    expect(await new Promise((resolve) => socket.once('close', resolve))).toBe(4406)
  })

  test.each(['graphql-ws', 'something-else'])(
    'a handshake that agrees to nothing, for %s',
    async (protocol) => {
      await using edge = await startEdge()
      await expect(openSocket(edge.endpoint, { protocol })).rejects.toThrow('no subprotocol')
    },
  )

  test('nothing, as it never was one, for another path', async () => {
    await using edge = await startEdge()
    await expect(openSocket(`${edge.url}elsewhere`)).rejects.toThrow('refused with 404')
  })
})

test('a client that does not answer pings is cut off', async () => {
  await using edge = await startEdge({ timers: { ping: 50 } })
  const socket = new WebSocket(edge.endpoint.replace('http', 'ws'), 'graphql-transport-ws', {
    autoPong: false,
  })
  const code = await new Promise((resolve) => socket.once('close', resolve))
  expect(code).toBe(1006)
})

test('a client that does not answer pings is cut off also while text is sent to it', async () => {
  await using edge = await startEdge({ timers: { ping: 30 } })
  const socket = new WebSocket(edge.endpoint.replace('http', 'ws'), 'graphql-transport-ws', {
    autoPong: false,
  })
  const closed = new Promise((resolve) => socket.once('close', resolve))
  socket.once('open', () => socket.send(JSON.stringify({ type: 'connection_init' })))
  socket.once('message', () => {
    const payload = { query: 'subscription { ticking { n } }' }
    socket.send(JSON.stringify({ type: 'subscribe', id: '1', payload }))
  })
  expect(await closed).toBe(1006)
})

test('one that answers them stays', async () => {
  await using edge = await startEdge({ timers: { ping: 20 } })
  await using socket = await openSocket(edge.endpoint)
  let pings = 0
  await new Promise<void>((resolve) =>
    socket.socket.on('ping', () => {
      pings += 1
      if (pings === 5) resolve()
    }),
  )
  expect((await runOnSocket(socket, '1', hello)).errors).toBeNull()
})

test('the graphql-ws client works as its documentation says', async () => {
  await using edge = await startEdge()
  const client = createClient({ url: edge.endpoint.replace('http', 'ws'), webSocketImpl: WebSocket })
  const seen: unknown[] = []
  for await (const result of client.iterate({ query: 'subscription { count(to: 2) { n } }' }))
    seen.push(result.data)
  expect(seen).toEqual([{ count: { n: 1 } }, { count: { n: 2 } }])
  await client.dispose()
})
