import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as delay, setImmediate } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { createOperation } from '../../../src/server/http/operation.ts'
import { startListening } from '../../../src/server/http/server.ts'
import { writeEventStream } from '../../../src/server/http/sse.ts'
import { edgeViewer, startEdge } from '../../support/edge.ts'
import { running } from '../../support/edge-schema.ts'
import { eventually } from '../../support/eventually.ts'
import { openEvents, sendHttp } from '../../support/graphql-client.ts'

const count = (to: number) => ({ query: `subscription { count(to: ${to}) { n } }` })
const silent = { query: 'subscription { silent { n } }' }

describe('an event stream', () => {
  test('gives each result as `next` with the cursor as its id, whether it was selected or not, then `complete`', async () => {
    await using edge = await startEdge()
    await using events = await openEvents(edge.endpoint, count(2))
    expect(await events.rest()).toEqual([
      { event: 'next', id: 'count-1', data: '{"data":{"count":{"n":1}}}' },
      { event: 'next', id: 'count-2', data: '{"data":{"count":{"n":2}}}' },
      { event: 'complete', id: null, data: '' },
    ])
  })

  test('goes on after the Last-Event-ID of a reader that comes back', async () => {
    await using edge = await startEdge()
    await using first = await openEvents(edge.endpoint, count(5))
    await first.next()
    const held = await first.next()
    first.close()
    await using second = await openEvents(edge.endpoint, count(5), { 'Last-Event-ID': String(held?.id) })
    const ids = (await second.rest()).map((event) => event.id)
    expect(ids).toEqual(['count-3', 'count-4', 'count-5', null])
  })

  test('is asked for by POST as well', async () => {
    await using edge = await startEdge()
    const reply = await sendHttp(edge.endpoint, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', Accept: 'text/event-stream' },
      body: JSON.stringify(count(1)),
    })
    expect(reply.text).toBe(
      ':\n\nevent: next\nid: count-1\ndata: {"data":{"count":{"n":1}}}\n\nevent: complete\ndata:\n\n',
    )
  })

  test('carries a query, a mutation and errors too', async () => {
    await using edge = await startEdge()
    await using query = await openEvents(edge.endpoint, { query: '{ hello }' })
    expect((await query.rest()).map(({ event, id }) => [event, id])).toEqual([
      ['next', null],
      ['complete', null],
    ])
    await using wrong = await openEvents(edge.endpoint, { query: '{' })
    expect((await wrong.nextResult())?.errors?.[0]?.extensions?.code).toBe('GRAPHQL_PARSE_FAILED')
    expect((await wrong.next())?.event).toBe('complete')
  })

  test('is not held up by proxies, stored or compressed', async () => {
    await using edge = await startEdge()
    await using events = await openEvents(edge.endpoint, count(1), { 'Accept-Encoding': 'gzip, br' })
    expect(events.headers).toMatchObject({
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-cache, no-transform',
      'x-accel-buffering': 'no',
      'x-content-type-options': 'nosniff',
      'x-request-id': expect.any(String),
    })
    expect(events.headers['content-encoding']).toBeUndefined()
  })

  test('is kept alive by comments while nothing happens', async () => {
    await using edge = await startEdge({ timers: { ping: 10 } })
    await using events = await openEvents(edge.endpoint, silent)
    await events.next()
    const end = events.next()
    await eventually(() => expect(events.comments).toBeGreaterThan(3))
    events.close()
    expect(await end).toBeNull()
  })

  test('may be silent for as long as it likes', async () => {
    await using edge = await startEdge({ timers: { operation: 50, stall: 50 } })
    await using events = await openEvents(edge.endpoint, silent)
    await events.next()
    const end = events.next().then(() => 'ended')
    expect(await Promise.race([end, delay(400, 'open')])).toBe('open')
    events.close()
    await end
  })

  test('is for clients that accept everything, but not for those that accept JSON first', async () => {
    await using edge = await startEdge()
    const stream = await sendHttp(`${edge.endpoint}?query=subscription{count(to:1){n}}`)
    expect(stream.headers['content-type']).toMatch('text/event-stream')
    const headers = { Accept: 'application/graphql-response+json, application/json, text/event-stream' }
    const query = await sendHttp(`${edge.endpoint}?query={hello}`, { headers })
    expect(query.headers['content-type']).toMatch('application/graphql-response+json')
  })
})

test('a reader that is slow to take the end is not pinged behind it', async () => {
  const errors: Error[] = []
  const ended = Promise.withResolvers<void>()
  await using server = createServer((_request, response) => {
    // A write after the end: nobody listens for it in the server, and the process would end.
    response.on('error', (error) => errors.push(error))
    async function* results() {
      // Until the kernel takes no more; the source is not held up by so little.
      do {
        yield { data: { text: 'x'.repeat(10_000) } }
        await setImmediate()
      } while (response.writableLength === 0)
      ended.resolve()
    }
    const operation = createOperation({ viewer: edgeViewer, address: '::1' })
    void writeEventStream(response, results(), operation, { maskErrors: () => [], ping: 1, stall: 30_000 })
  })
  await startListening(server, { host: '127.0.0.1', port: 0 })
  const { port } = server.address() as AddressInfo
  await using events = await openEvents(`http://127.0.0.1:${port}`, silent)
  await ended.promise
  await delay(50)
  expect((await events.rest()).at(-1)?.event).toBe('complete')
  expect(errors).toEqual([])
})

test('a reader that goes away stops its source', async () => {
  await using edge = await startEdge()
  await using events = await openEvents(edge.endpoint, silent)
  await events.next()
  expect(running.silent).toBe(1)
  events.close()
  await eventually(() => expect(running.silent).toBe(0))
})
