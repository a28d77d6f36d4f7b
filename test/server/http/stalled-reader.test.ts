import { once } from 'node:events'
import type { Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { type Edge, startEdge } from '../../support/edge.ts'
import { running } from '../../support/edge-schema.ts'
import { eventually } from '../../support/eventually.ts'
import { openSocket, openTcp, postGraphQL } from '../../support/graphql-client.ts'

const query = 'subscription { endless(size: 10000) { n text } }'
const host = 'Host: localhost\r\n'

/** Opens the endless stream on a connection whose bytes nobody reads. */
const stalled = {
  async SSE(edge: Edge): Promise<Socket> {
    const socket = await openTcp(edge.port)
    socket.write(
      `GET /graphql?query=${encodeURIComponent(query)} HTTP/1.1\r\n${host}Accept: text/event-stream\r\n\r\n`,
    )
    return socket
  },
  async WebSocket(edge: Edge): Promise<Socket> {
    const socket = await openWebSocket(edge)
    socket.write(frame({ type: 'subscribe', id: '1', payload: { query } }))
    return socket
  },
}

/** A socket that has been acknowledged and reads nothing from then on. */
async function openWebSocket(edge: Edge): Promise<Socket> {
  const socket = await openTcp(edge.port)
  socket.write(
    `GET /graphql HTTP/1.1\r\n${host}Connection: Upgrade\r\nUpgrade: websocket\r\n` +
      'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n' +
      'Sec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n',
  )
  await readUntil(socket, '\r\n\r\n')
  socket.write(frame({ type: 'connection_init' }))
  await readUntil(socket, 'connection_ack')
  return socket
}

async function readUntil(socket: Socket, text: string): Promise<void> {
  for (let seen = ''; !seen.includes(text); seen += socket.read() ?? '') await once(socket, 'readable')
}

/** A short masked text frame, with a mask of zeros. */
function frame(message: object): Buffer {
  const payload = Buffer.from(JSON.stringify(message))
  return Buffer.concat([Buffer.from([0x81, 0x80 | payload.length, 0, 0, 0, 0]), payload])
}

describe.each(['SSE', 'WebSocket'] as const)('a reader over %s that stops reading', (transport) => {
  test('holds up its own source only, and other work goes on', async () => {
    await using edge = await startEdge()
    const sockets = await Promise.all(Array.from({ length: 4 }, () => stalled[transport](edge)))
    await eventually(() => expect(running.endless).toBe(4))
    const before = process.memoryUsage().rss
    const waits: number[] = []
    for (let n = 0; n < 20; n++) {
      const asked = performance.now()
      expect((await postGraphQL(edge.endpoint, { query: '{ hello }' })).status).toBe(200)
      waits.push(performance.now() - asked)
      await delay(25)
    }
    const grown = process.memoryUsage().rss - before
    // What the kernel takes for a connection that nobody reads is not in here; what the server keeps would be.
    expect(grown).toBeLessThan(60_000_000)
    expect(Math.max(...waits)).toBeLessThan(muchLongerThanATurn)
    for (const socket of sockets) socket.destroy()
    await eventually(() => expect(running.endless).toBe(0))
  })

  test('is closed after the time that is set, and its source with it', async () => {
    await using edge = await startEdge({ timers: { stall: 300 } })
    const socket = await stalled[transport](edge)
    await eventually(() => expect(running.endless).toBe(1))
    await eventually(() => expect(running.endless).toBe(0))
    socket.resume()
    await once(socket, 'close')
  })

  test('while others read as fast as they can, leaves room for an unrelated query', async () => {
    await using edge = await startEdge()
    const sockets = await Promise.all(Array.from({ length: 4 }, () => stalled[transport](edge)))
    for (const socket of sockets) socket.resume()
    await eventually(() => expect(running.endless).toBe(4))
    const waits: number[] = []
    for (let n = 0; n < 20; n++) {
      const asked = performance.now()
      expect((await postGraphQL(edge.endpoint, { query: '{ hello }' })).status).toBe(200)
      waits.push(performance.now() - asked)
    }
    expect(Math.max(...waits)).toBeLessThan(muchLongerThanATurn)
    // The end of a connection has to come through as well.
    for (const socket of sockets) socket.destroy()
    await eventually(() => expect(running.endless).toBe(0))
  })
})

/** Milliseconds. Where streams starve the others, a query waits for as long as they are read: many times this. */
const muchLongerThanATurn = 10_000

test('a WebSocket that is closed for being slow is told 1013', async () => {
  await using edge = await startEdge({ timers: { stall: 300 } })
  await using client = await openSocket(edge.endpoint)
  client.subscribe('1', { query })
  await client.next('1')
  client.socket.pause()
  await eventually(() => expect(running.endless).toBe(0))
  client.socket.resume()
  expect(await client.closed).toEqual({ code: 1013, reason: 'Too slow' })
})

test('a client that sends without reading the answers is not read either', async () => {
  await using edge = await startEdge({ limits: { bodyBytes: 100_000 } })
  const socket = await openWebSocket(edge)
  const ping = frame({ type: 'ping', payload: { text: 'x'.repeat(60) } })
  const many = Buffer.concat(Array.from({ length: 1_000 }, () => ping))
  const before = process.memoryUsage().rss
  let sent = 0
  // Whatever the kernel holds between the two, it is full long before that.
  while (sent < 200_000_000 && (await taken(socket, many))) sent += many.length
  expect(sent).toBeLessThan(200_000_000)
  expect(process.memoryUsage().rss - before).toBeLessThan(60_000_000)
  expect((await postGraphQL(edge.endpoint, { query: '{ hello }' })).status).toBe(200)
  socket.destroy()
})

/** Whether the other side took these bytes within half a second. */
function taken(socket: Socket, bytes: Buffer): Promise<boolean> {
  return Promise.race([
    new Promise<boolean>((resolve) => socket.write(bytes, () => resolve(true))),
    delay(500, false),
  ])
}
