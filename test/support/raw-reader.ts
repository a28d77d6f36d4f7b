import { connect, type Socket } from 'node:net'
import type { StreamedEvent } from './fold.ts'
import type { GraphQLRequest } from './graphql-client.ts'

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
  const input = new Input(socket)
  await input.through('\r\n\r\n')
  for (;;) {
    const event = await input.through('\n\n')
    if (event === null || event.includes('event: complete')) return
    const data = /^data: (.*)$/m.exec(event)?.[1]
    if (data) yield JSON.parse(data) as Result
  }
}

const textFrame = 0x81
const pingFrame = 0x89
const pongFrame = 0x8a
const closeFrame = 0x88

async function* readWebSocket(socket: Socket, payload: GraphQLRequest): AsyncGenerator<Result> {
  socket.write(
    'GET /graphql HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
      'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n' +
      'Sec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n',
  )
  const input = new Input(socket)
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

/** With a mask of zeros, which changes nothing. */
function clientFrame(type: number, text: string): Buffer {
  const body = Buffer.from(text)
  const head = Buffer.from([type, 0x80 | 126, 0, 0, 0, 0, 0, 0])
  head.writeUInt16BE(body.length, 2)
  return Buffer.concat([head, body])
}

/** What comes over a connection, read only as far as somebody asks for it. */
class Input {
  readonly #chunks: AsyncIterator<Buffer>
  #rest: Buffer = Buffer.alloc(0)

  constructor(socket: Socket) {
    this.#chunks = socket[Symbol.asyncIterator]() as AsyncIterator<Buffer>
  }

  /** Everything up to the next `end`; null where the connection ends before. */
  async through(end: string): Promise<string | null> {
    let from = 0
    for (;;) {
      const at = this.#rest.indexOf(end, from)
      if (at >= 0) return this.#take(at + end.length).toString()
      from = Math.max(0, this.#rest.length - end.length)
      if (!(await this.#more())) return null
    }
  }

  /** The next frame of a server; null where the connection ends before. */
  async frame(): Promise<{ type: number; body: Buffer } | null> {
    if (!(await this.#atLeast(2))) return null
    const short = this.#rest[1]!
    const headLength = short === 127 ? 10 : short === 126 ? 4 : 2
    if (!(await this.#atLeast(headLength))) return null
    const length =
      short === 127
        ? Number(this.#rest.readBigUInt64BE(2))
        : short === 126
          ? this.#rest.readUInt16BE(2)
          : short
    if (!(await this.#atLeast(headLength + length))) return null
    const [type = 0] = this.#take(headLength)
    return { type, body: this.#take(length) }
  }

  async #atLeast(length: number): Promise<boolean> {
    while (this.#rest.length < length) if (!(await this.#more())) return false
    return true
  }

  async #more(): Promise<boolean> {
    // A connection that is reset ends like any other.
    const next = await this.#chunks.next().catch(() => ({ done: true as const, value: undefined }))
    if (next.done) return false
    this.#rest = Buffer.concat([this.#rest, next.value])
    return true
  }

  #take(length: number): Buffer {
    const taken = this.#rest.subarray(0, length)
    this.#rest = this.#rest.subarray(length)
    return taken
  }
}
