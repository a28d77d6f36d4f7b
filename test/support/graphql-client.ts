import { request as httpRequest, type IncomingHttpHeaders } from 'node:http'
import { connect, type Socket } from 'node:net'
import { createInterface } from 'node:readline'
import { WebSocket } from 'ws'

/** The clients that tests read the server with: no cleverness of a library between the wire and the test. */

export type GraphQLRequest = {
  readonly query: string
  readonly variables?: Record<string, unknown>
  readonly operationName?: string
}

export type GraphQLError = {
  readonly message: string
  readonly path?: readonly (string | number)[]
  readonly extensions?: { readonly code?: string; readonly requestId?: string } & Record<string, unknown>
}

export type GraphQLResult = {
  readonly data?: Record<string, never> | null
  readonly errors?: readonly GraphQLError[]
}

export type HttpReply = {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
  /** The body as text. */
  readonly text: string
  /** The body as JSON. */
  json<Body = GraphQLResult>(): Body
}

/** One HTTP request with exactly these headers. */
export function sendHttp(
  url: string,
  options: { method?: string; headers?: Record<string, string>; body?: string | Uint8Array } = {},
): Promise<HttpReply> {
  return new Promise((resolve, reject) => {
    const { method = 'GET', headers = {}, body } = options
    const request = httpRequest(url, { method, headers, agent: false }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', reject)
      response.on('end', () => {
        const received = Buffer.concat(chunks)
        const text = received.toString()
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: received,
          text,
          json: <Body>() => JSON.parse(text) as Body,
        })
      })
    })
    request.on('error', reject)
    request.end(body)
  })
}

/** Runs a query or mutation by POST. */
export function postGraphQL(
  endpoint: string,
  request: GraphQLRequest,
  headers: Record<string, string> = {},
): Promise<HttpReply> {
  return sendHttp(endpoint, {
    method: 'POST',
    headers: {
      'Content-Type': 'application/json',
      Accept: 'application/graphql-response+json, application/json',
      ...headers,
    },
    body: JSON.stringify(request),
  })
}

export type ServerSentEvent = { readonly event: string; readonly id: string | null; readonly data: string }

/** An event stream, read as it comes: nothing is read ahead of the test but what the sockets hold. */
export type EventReader = AsyncDisposable & {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  /** Comments so far. */
  readonly comments: number
  /** Null at the end of the stream. */
  next(): Promise<ServerSentEvent | null>
  /** The result in the next event; null at the end. */
  nextResult(): Promise<GraphQLResult | null>
  /** Everything up to the end. */
  rest(): Promise<ServerSentEvent[]>
  close(): void
}

/** Subscribes over SSE by GET, as a browser's EventSource does. */
export function openEvents(
  endpoint: string,
  { query, variables = {}, operationName }: GraphQLRequest,
  headers: Record<string, string> = {},
): Promise<EventReader> {
  const url = new URL(endpoint)
  url.searchParams.set('query', query)
  url.searchParams.set('variables', JSON.stringify(variables))
  if (operationName !== undefined) url.searchParams.set('operationName', operationName)
  return new Promise((resolve, reject) => {
    const options = { headers: { Accept: 'text/event-stream', ...headers }, agent: false }
    const request = httpRequest(url, options, (response) => {
      let comments = 0
      const lines = createInterface({ input: response })[Symbol.asyncIterator]()
      async function next(): Promise<ServerSentEvent | null> {
        const fields: Record<string, string> = {}
        for (;;) {
          const { done, value } = await lines.next().catch(() => ({ done: true as const, value: '' }))
          if (done) return null
          if (value.startsWith(':')) comments += 1
          else if (value === '' && 'data' in fields) {
            return { event: fields.event ?? 'message', id: fields.id ?? null, data: fields.data ?? '' }
          } else if (value !== '') {
            const [name = '', ...content] = value.split(':')
            fields[name] = content.join(':').replace(/^ /, '')
          }
        }
      }
      const close = () => {
        request.destroy()
      }
      resolve({
        status: response.statusCode ?? 0,
        headers: response.headers,
        get comments() {
          return comments
        },
        next,
        async nextResult() {
          const event = await next()
          return event && event.event === 'next' ? (JSON.parse(event.data) as GraphQLResult) : null
        },
        async rest() {
          const events: ServerSentEvent[] = []
          for (let event = await next(); event; event = await next()) events.push(event)
          return events
        },
        close,
        [Symbol.asyncDispose]: async () => close(),
      })
    })
    request.on('error', reject)
    request.end()
  })
}

export type SocketMessage = { readonly type: string; readonly id?: string; readonly payload?: unknown }

/** A WebSocket that speaks graphql-transport-ws by hand. */
export type SocketClient = AsyncDisposable & {
  readonly socket: WebSocket
  /** Sends an object as JSON, anything else as it is. */
  send(message: SocketMessage | string | Uint8Array): void
  /** Starts an operation. */
  subscribe(id: string, request: GraphQLRequest): void
  /** The next message, of operation `id` where given; rejects when the socket has closed. */
  next(id?: string): Promise<SocketMessage>
  /** How the server closed it. */
  readonly closed: Promise<{ code: number; reason: string }>
}

export async function openSocket(
  endpoint: string,
  options: {
    readonly protocol?: string
    readonly headers?: Record<string, string>
    /** Payload of `connection_init`; `false`: it is not sent. */
    readonly init?: Record<string, unknown> | false
  } = {},
): Promise<SocketClient> {
  const { protocol = 'graphql-transport-ws', headers = {}, init = {} } = options
  const socket = new WebSocket(endpoint.replace(/^http/, 'ws'), protocol, { headers })
  const messages: SocketMessage[] = []
  const waiting = new Set<() => void>()
  const wake = () => {
    for (const one of [...waiting]) one()
  }
  const closed = new Promise<{ code: number; reason: string }>((resolve) =>
    socket.on('close', (code, reason) => {
      resolve({ code, reason: String(reason) })
      wake()
    }),
  )
  socket.on('message', (data: Buffer) => {
    messages.push(JSON.parse(data.toString()) as SocketMessage)
    wake()
  })
  await new Promise((resolve, reject) => {
    socket.once('open', resolve)
    socket.once('error', reject)
    socket.once('unexpected-response', (_request, response) => {
      reject(new Error(`refused with ${response.statusCode}`))
      response.resume()
    })
  })
  socket.on('error', () => {})
  const client: SocketClient = {
    socket,
    closed,
    send: (message) =>
      socket.send(
        typeof message === 'object' && 'type' in message ? JSON.stringify(message) : (message as string),
      ),
    subscribe: (id, payload) => client.send({ type: 'subscribe', id, payload }),
    async next(id) {
      for (;;) {
        const at = messages.findIndex((message) => id === undefined || message.id === id)
        const [message] = at < 0 ? [] : messages.splice(at, 1)
        if (message) return message
        if (socket.readyState === WebSocket.CLOSED) throw new Error('the socket has closed')
        await new Promise<void>((resolve) => {
          const resume = () => {
            waiting.delete(resume)
            resolve()
          }
          waiting.add(resume)
        })
      }
    },
    [Symbol.asyncDispose]: async () => {
      socket.terminate()
      await closed
    },
  }
  if (init !== false) {
    client.send({ type: 'connection_init', payload: init })
    const answer = await Promise.race([client.next(), closed])
    if ('code' in answer) throw new Error(`closed with ${answer.code}: ${answer.reason}`)
  }
  return client
}

/** Runs one operation over a WebSocket and collects what it gave. */
export async function runOnSocket(
  client: SocketClient,
  id: string,
  request: GraphQLRequest,
): Promise<{ results: GraphQLResult[]; errors: readonly GraphQLError[] | null }> {
  client.subscribe(id, request)
  const results: GraphQLResult[] = []
  for (;;) {
    const { type, payload } = await client.next(id)
    if (type === 'next') results.push(payload as GraphQLResult)
    if (type === 'error') return { results, errors: payload as readonly GraphQLError[] }
    if (type === 'complete') return { results, errors: null }
  }
}

/** A TCP connection that the test writes bytes to, and that reads nothing until it is told to. */
export async function openTcp(port: number): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1' })
  socket.pause()
  socket.on('error', () => {})
  await new Promise((resolve) => socket.once('connect', resolve))
  return socket
}
