import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'

/**
 * An HTTP server that answers with exactly the bytes that a test writes, one TCP write at a time, and with nothing
 * that the test did not write: no headers, no framing, no timeouts of its own.
 */
export type ByteServer = AsyncDisposable & {
  /** `http://127.0.0.1:port`, without a slash at the end. */
  readonly url: string
  readonly port: number
  /** Every request so far, oldest first. */
  readonly requests: readonly ByteRequest[]
  /** The oldest request that no call has returned yet; waits for it. */
  request(): Promise<ByteRequest>
  readonly close: () => Promise<void>
}

/** One request, complete with its body, and the bytes of its answer. */
export type ByteRequest = {
  readonly method: string
  /** Path and query. */
  readonly path: string
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: string
  /** The body as JSON. */
  json(): Record<string, unknown>
  /** Counts the TCP connections: two requests with one number shared a connection. */
  readonly connection: number
  /** When the client has closed the connection, or the test has. */
  readonly closed: Promise<void>
  readonly isClosed: boolean
  /** Bytes written that the kernel has not taken yet. */
  readonly unsentBytes: number
  /** One TCP write; resolves when the kernel took it, or the connection is gone. */
  write(bytes: string | Uint8Array): Promise<void>
  /** Sends FIN. */
  end(): void
  /** Sends RST. */
  reset(): void
}

type Connection = { readonly number: number; readonly closed: Promise<void> }

/** Starts a byte server on a free port; `onRequest` is told of each request, in order of arrival. */
export async function startByteServer(onRequest?: (request: ByteRequest) => void): Promise<ByteServer> {
  const requests: ByteRequest[] = []
  const connections = new Map<Socket, Connection>()
  const arrived = arrivals<ByteRequest>()
  let accepted = 0

  const server = createServer({ requestTimeout: 0, headersTimeout: 0, keepAliveTimeout: 0 })
  server.on('connection', (socket: Socket) => {
    socket.setNoDelay(true)
    socket.on('error', () => {}) // A client that resets is a case, not a failure.
    const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
    connections.set(socket, { number: ++accepted, closed })
    void closed.then(() => connections.delete(socket))
  })
  const accept = (incoming: IncomingMessage, body: string) => {
    const connection = connections.get(incoming.socket)
    if (!connection) return // It went while its body was read.
    const request = byteRequest(incoming, body, connection)
    requests.push(request)
    onRequest?.(request)
    arrived.add(request)
  }
  server.on('request', (incoming: IncomingMessage) => {
    readBody(incoming).then(
      (body) => accept(incoming, body),
      () => {}, // A client that leaves before its body is complete made no request.
    )
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo

  const close = async () => {
    if (!server.listening) return
    const closed = once(server, 'close')
    server.close()
    for (const socket of connections.keys()) socket.destroy()
    await closed
  }
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    requests,
    request: arrived.next,
    close,
    [Symbol.asyncDispose]: close,
  }
}

/** Things that come by themselves and are waited for one by one, in order of arrival. */
export function arrivals<Item>(): { add: (item: Item) => void; next: () => Promise<Item> } {
  const unread: Item[] = []
  const readers: ((item: Item) => void)[] = []
  return {
    add: (item) => {
      const reader = readers.shift()
      if (reader) reader(item)
      else unread.push(item)
    },
    next: async () => unread.shift() ?? new Promise<Item>((resolve) => readers.push(resolve)),
  }
}

function byteRequest(incoming: IncomingMessage, body: string, connection: Connection): ByteRequest {
  const { socket } = incoming
  return {
    method: incoming.method ?? '',
    path: incoming.url ?? '',
    headers: incoming.headers,
    body,
    json: () => JSON.parse(body) as Record<string, unknown>,
    connection: connection.number,
    closed: connection.closed,
    get isClosed() {
      return socket.destroyed
    },
    get unsentBytes() {
      return socket.writableLength
    },
    write: (bytes) =>
      new Promise((resolve) => {
        if (socket.writable) socket.write(bytes, () => resolve())
        else resolve()
      }),
    end: () => socket.end(),
    reset: () => socket.resetAndDestroy(),
  }
}

async function readBody(incoming: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of incoming) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString()
}

/** A complete HTTP response with a length, the last one on its connection. */
export function response(status: number, contentType: string, body: string, headers = {}): string {
  const lines = Object.entries({
    'content-type': contentType,
    'content-length': Buffer.byteLength(body),
    connection: 'close',
    ...headers,
  }).map(([name, value]) => `${name}: ${value}\r\n`)
  return `HTTP/1.1 ${status} Status\r\n${lines.join('')}\r\n${body}`
}

/** The head of a response whose body ends with the connection. */
export const streamHead = 'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n'

/** The head of a response whose body is written as {@link chunk}s, so that the connection can be used again. */
export const chunkedHead =
  'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n'

/** One chunk of a chunked body; an empty one ends it. */
export function chunk(text: string): string {
  return `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`
}
