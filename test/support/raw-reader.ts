import { connect, type Socket } from 'node:net'
import type { StreamedEvent } from './fold.ts'
import type { GraphQLRequest } from './graphql-client.ts'
import { clientFrame, SocketInput, textFrame } from './socket-input.ts'

/**
 * Subscribes on a TCP connection of its own. Who does not take the next event does not read the connection either:
 * what the kernel does not hold then waits in the server. Ends with the subscription or the connection.
 */
export async function* readRaw(
  endpoint: string,
  request: GraphQLRequest,
  over: 'WebSocket' | 'SSE',
): AsyncGenerator<StreamedEvent, void, void> {
  const { hostname, port } = new URL(endpoint)
  const socket = connect({ host: hostname, port: Number(port) })
  socket.on('error', () => {})
  try {
    const results = over === 'SSE' ? readEventStream(socket, request) : readWebSocket(socket, request)
    for await (const { data, errors } of results) {
      if (errors) throw new Error(JSON.stringify(errors))
      yield Object.values(data ?? {})[0] as StreamedEvent
    }
  } finally {
    socket.destroy()
  }
}

type Result = { data?: Record<string, unknown>; errors?: unknown }

async function* readEventStream(
  socket: Socket,
  { query, variables }: GraphQLRequest,
): AsyncGenerator<Result> {
  const parameters = new URLSearchParams({ query, variables: JSON.stringify(variables ?? {}) })
  // HTTP/1.0, so that the body comes as it is and not in chunks.
  socket.write(`GET /graphql?${parameters} HTTP/1.0\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n`)
  const input = new SocketInput(socket)
  await input.through('\r\n\r\n')
  for (;;) {
    const event = (await input.through('\n\n'))?.toString()
    if (event === undefined || event.includes('event: complete')) return
    const data = /^data: (.*)$/m.exec(event)?.[1]
    if (data) yield JSON.parse(data) as Result
  }
}

const pingFrame = 0x89
const pongFrame = 0x8a
const closeFrame = 0x88

async function* readWebSocket(socket: Socket, payload: GraphQLRequest): AsyncGenerator<Result> {
  socket.write(
    'GET /graphql HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
      'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n' +
      'Sec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n',
  )
  const input = new SocketInput(socket)
  await input.through('\r\n\r\n')
  const send = (message: object) => socket.write(clientFrame(textFrame, JSON.stringify(message)))
  send({ type: 'connection_init' })
  for (;;) {
    const frame = await input.frame()
    if (frame === null || frame.type === closeFrame) return
    if (frame.type === pingFrame) socket.write(clientFrame(pongFrame, frame.body.toString()))
    if (frame.type !== textFrame) continue
    const message = JSON.parse(frame.body.toString()) as { type: string; payload: unknown }
    if (message.type === 'connection_ack') send({ type: 'subscribe', id: '1', payload })
    if (message.type === 'next') yield message.payload as Result
    if (message.type === 'error') yield { errors: message.payload }
    if (message.type === 'complete') return
  }
}
