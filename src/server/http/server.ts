import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo, Server as NetServer } from 'node:net'
import type { Duplex } from 'node:stream'
import type { GraphQLSchema } from 'graphql'
import { createAuthenticate } from '../auth/authenticate.ts'
import type { Viewer } from '../auth/viewer.ts'
import { RequestError, StartError } from '../errors.ts'
import { newId } from '../ids.ts'
import { createAddressSlots } from '../limits/address-slots.ts'
import type { Limits } from '../limits/limits.ts'
import { createRateWindow } from '../limits/rate-window.ts'
import type { Logger } from '../log.ts'
import type { EdgeSettings } from './caller.ts'
import { createGraphQLEngine } from './graphql.ts'
import { createGraphQLRoute } from './graphql-route.ts'
import { requireServedHost, requireServedOrigin, statusOf } from './guard.ts'
import { createMaskErrors, errorBody } from './mask-errors.ts'
import type { Operation } from './operation.ts'
import type { PageSource } from './page.ts'
import { safetyHeaders, sendError, sendJson } from './respond.ts'
import { createRouter, type Router } from './router.ts'
import { createWebSocketEdge, type WebSocketEdge } from './websocket.ts'

export type HttpServerOptions = EdgeSettings & {
  /** 0: any free port. */
  readonly port: number
  /** Bearer that every transport demands; null: nobody is asked. */
  readonly accessToken: string | null
  /** Whoever is let in. */
  readonly viewer: Viewer
  readonly schema: GraphQLSchema
  readonly limits: Limits
  /** Milliseconds; what each is for is said where settings are made. */
  readonly timers: {
    readonly operation: number
    readonly connectionInit: number
    readonly ping: number
    readonly stall: number
  }
  readonly log: Logger
  /**
   * What resolvers find in their context, besides `operation`. Called once for an operation; for a subscription the
   * same context serves all of its events.
   */
  readonly createContext: (operation: Operation) => object | Promise<object>
  /** Whether operations can be served now. */
  readonly ready: () => Promise<boolean>
  readonly page: PageSource
}

export type HttpServer = {
  /** @throws StartError where the address cannot be had */
  listen(): Promise<{ url: string; port: number }>
  /**
   * Stops: no new connections, WebSockets closed with 1012, event streams ended where they are, everything else
   * answered first. Resolves when the last connection has gone.
   */
  close(): Promise<void>
}

/** The one port: API over HTTP, SSE and WebSocket, GraphiQL, the page and the health checks. */
export function createHttpServer(options: HttpServerOptions): HttpServer {
  const { limits, timers, log } = options
  const maskErrors = createMaskErrors(log)
  const slots = createAddressSlots(limits.socketsPerAddress)
  const failures = createRateWindow(limits.failedSignInsPerMinute, 60_000)
  const authenticate = createAuthenticate({ ...options, failures })
  const engine = createGraphQLEngine({
    ...options,
    timeout: timers.operation,
    maskErrors,
  })
  const graphql = createGraphQLRoute({
    engine,
    authenticate,
    slots,
    bodyBytes: limits.bodyBytes,
    events: { ...timers, maskErrors },
  })
  const webSockets = createWebSocketEdge({ engine, authenticate, limits, slots, timers, maskErrors, log })
  const router = createRouter({ ...options, graphql, failures })
  const underWay = new Set<ServerResponse>()
  let closing = false

  const server = createServer(
    {
      requestTimeout: timers.operation,
      // Other upgrades, such as h2c, are offers that are declined by answering as if they had not been made.
      shouldUpgradeCallback: ({ headers }) => headers.upgrade?.toLowerCase() === 'websocket',
    },
    (request, response) => {
      underWay.add(response)
      response.once('close', () => underWay.delete(response))
      if (closing) response.setHeader('Connection', 'close')
      void answer(request, response, router, log)
    },
  )
  // Longer than any operation is silent: what is left is a client that does not read its response.
  server.timeout = timers.operation + timers.stall
  server.on('upgrade', (request, socket, head) => upgrade({ request, socket, head }, options, webSockets))

  return {
    async listen() {
      await startListening(server, options)
      const { port } = server.address() as AddressInfo
      return { port, url: options.publicUrl?.href ?? `http://${urlHost(options.host)}:${port}/` }
    },
    async close() {
      closing = true
      const stopped = new Promise<void>((resolve) => server.close(() => resolve()))
      graphql.endEventStreams()
      await webSockets.close()
      for (const response of underWay) await closed(response)
      server.closeAllConnections()
      await stopped
    },
  }
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  router: Router,
  log: Logger,
): Promise<void> {
  for (const [name, value] of Object.entries(safetyHeaders)) response.setHeader(name, value)
  try {
    await router(request, response)
  } catch (error) {
    if (error instanceof RequestError) {
      return sendError(response, error.code, error.message, statusOf(error), headersOf(error))
    }
    const requestId = newId()
    log.error({ err: error, requestId, path: request.url }, 'a request failed')
    sendJson(response, 500, errorBody('INTERNAL_SERVER_ERROR', 'Internal server error', { requestId }))
    if (!response.writableEnded) response.destroy()
  }
}

function headersOf(error: RequestError): Record<string, string> {
  return error.code === 'UNAUTHENTICATED' ? { 'WWW-Authenticate': 'Bearer realm="Parley"' } : {}
}

function upgrade(
  { request, socket, head }: { request: IncomingMessage; socket: Duplex; head: Buffer },
  settings: EdgeSettings,
  webSockets: WebSocketEdge,
): void {
  socket.on('error', () => socket.destroy())
  try {
    const caller = requireServedHost(request, settings)
    requireServedOrigin(request, caller, settings)
    if (URL.parse(request.url ?? '', 'http://localhost')?.pathname !== '/graphql') {
      throw new RequestError('NOT_FOUND', 'The WebSocket is at /graphql')
    }
    webSockets.accept(request, socket, head, caller)
  } catch (error) {
    if (!(error instanceof RequestError)) throw error
    const body = JSON.stringify(errorBody(error.code, error.message))
    socket.end(
      `HTTP/1.1 ${statusOf(error)} Refused\r\nConnection: close\r\nContent-Type: application/json\r\n` +
        `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    )
  }
}

/**
 * Listens, and resolves when it does.
 *
 * @throws StartError that says what to do
 */
export async function startListening(
  server: NetServer,
  { host, port }: { readonly host: string; readonly port: number },
): Promise<void> {
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(port, host, resolve)
    })
  } catch (error) {
    throw new StartError(`Cannot listen on ${urlHost(host)}:${port}: ${reasonOf(error)}`, { cause: error })
  }
}

function reasonOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException
  if (code === 'EADDRINUSE')
    return 'the port is taken; stop what uses it, or set PORT to another (0: any free one)'
  if (code === 'EACCES') return 'not allowed; ports below 1024 often need more rights, set PORT to another'
  if (code === 'EADDRNOTAVAIL') return 'this machine does not have that address; set HOST to one that it has'
  return message
}

function urlHost(host: string): string {
  return host.includes(':') ? `[${host}]` : host
}

function closed(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    if (response.closed) resolve()
    else response.once('close', resolve)
  })
}
