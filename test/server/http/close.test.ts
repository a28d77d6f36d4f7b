import { Agent, request } from 'node:http'
import { expect, test } from 'vitest'
import { type Edge, startEdge } from '../../support/edge.ts'
import { running } from '../../support/edge-schema.ts'
import { openEvents, openSocket, openTcp, postGraphQL, sendHttp } from '../../support/graphql-client.ts'

const silent = { query: 'subscription { silent { n } }' }
const deaf = { query: 'subscription { deaf { n } }' }

test('a stop closes sockets with 1012, without completing what ran on them', async () => {
  await using edge = await startEdge()
  await using socket = await openSocket(edge.endpoint)
  socket.subscribe('1', silent)
  await socket.next('1')
  await edge.close()
  expect((await socket.closed).code).toBe(1012)
  await expect(socket.next()).rejects.toThrow('the socket has closed')
  expect(running.silent).toBe(0)
})

test('a stop ends event streams without `complete`, so that their readers come back', async () => {
  await using edge = await startEdge()
  await using events = await openEvents(edge.endpoint, silent)
  await events.next()
  const end = events.next()
  await edge.close()
  expect(await end).toBeNull()
  expect(running.silent).toBe(0)
})

test('a stop does not wait for a source that does not listen', async () => {
  await using edge = await startEdge()
  await using socket = await openSocket(edge.endpoint)
  await using events = await openEvents(edge.endpoint, deaf)
  socket.subscribe('1', deaf)
  await Promise.all([socket.next('1'), events.next()])
  await edge.close()
  expect(await isListening(edge)).toBe(false)
})

test('a stop ends streams that have yet to start', async () => {
  await using edge = await startEdge({ timers: { operation: 300 } })
  const events = openEvents(edge.endpoint, { query: 'subscription { neverStarts { n } }' })
  // By its answer on one more connection, the first request has arrived as well.
  await sendHttp(`${edge.url}health`)
  await edge.close()
  expect(await isListening(edge)).toBe(false)
  await (await events).rest()
})

test('a stop waits for what is under way and takes nothing new', async () => {
  await using edge = await startEdge()
  const underWay = postGraphQL(edge.endpoint, { query: '{ later(milliseconds: 300) }' })
  // On one more connection: by its answer the first request has arrived as well.
  await sendHttp(`${edge.url}health`)
  const closed = edge.close()
  expect(await isListening(edge)).toBe(false)
  expect((await underWay).json()).toEqual({ data: { later: 'at last' } })
  await closed
})

test('a stop does not wait for connections that are merely open', async () => {
  await using edge = await startEdge()
  const agent = new Agent({ keepAlive: true })
  await new Promise<void>((resolve) => {
    request(`${edge.url}health`, { agent }, (response) => response.resume().once('end', resolve)).end()
  })
  const silentConnection = await openTcp(edge.port)
  const half = await openTcp(edge.port)
  half.write('GET / HTTP/1.1\r\nHost: loc')
  await sendHttp(`${edge.url}health`)
  await edge.close()
  expect(await isListening(edge)).toBe(false)
  for (const socket of [silentConnection, half]) socket.destroy()
  agent.destroy()
})

test('a stop cuts off a client that does not answer the close of its socket', async () => {
  await using edge = await startEdge()
  const client = await openTcp(edge.port)
  client.write(
    'GET /graphql HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
      'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n' +
      'Sec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n',
  )
  await new Promise((resolve) => client.once('readable', resolve))
  await edge.close()
  expect(await isListening(edge)).toBe(false)
  client.destroy()
})

/** Whether anybody listens where the server was. */
function isListening(edge: Edge): Promise<boolean> {
  return sendHttp(edge.url).then(
    () => true,
    () => false,
  )
}
