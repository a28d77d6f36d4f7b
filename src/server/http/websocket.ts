import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import {
  type ExecutionArgs,
  type ExecutionResult,
  type FormattedExecutionResult,
  type GraphQLError,
  getOperationAST,
} from 'graphql'
import { type Context, handleProtocols, makeServer, type SubscribePayload } from 'graphql-ws'
import { WebSocketServer } from 'ws'
import { type Authenticate, type Credentials, UnauthenticatedError } from '../auth/authenticate.ts'
import type { Viewer } from '../auth/viewer.ts'
import { RequestError } from '../errors.ts'
import type { AddressSlots } from '../limits/address-slots.ts'
import type { Limits } from '../limits/limits.ts'
import type { Logger } from '../log.ts'
import type { Caller } from './caller.ts'
import type { GraphQLEngine } from './graphql.ts'
import { toGraphQLError } from './graphql-error.ts'
import { formatError, type MaskErrors } from './mask-errors.ts'
import { createOperation, type Operation } from './operation.ts'
import { SocketClose, SocketConnection } from './socket-connection.ts'

export type WebSocketOptions = {
  readonly engine: GraphQLEngine
  readonly authenticate: Authenticate
  readonly limits: Limits
  readonly slots: AddressSlots
  /** Milliseconds. */
  readonly timers: { readonly connectionInit: number; readonly ping: number; readonly stall: number }
  readonly maskErrors: MaskErrors
  readonly log: Logger
}

export type WebSocketEdge = {
  /**
   * Takes over a connection that asks for a WebSocket.
   *
   * @throws RequestError TOO_MANY_SUBSCRIPTIONS where its address has too many connections
   */
  accept(request: IncomingMessage, socket: Duplex, head: Buffer, caller: Caller): void
  /** Closes every socket with 1012, which makes clients come back, and resolves when they are closed. */
  close(): Promise<void>
}

type SettledResult = ExecutionResult | AsyncIterable<ExecutionResult>

type SocketContext = Context<Record<string, unknown> | undefined, SocketConnection>

/** GraphQL over WebSocket (graphql-transport-ws only), run by the same engine as HTTP. */
export function createWebSocketEdge(options: WebSocketOptions): WebSocketEdge {
  const { limits, slots, timers, log } = options
  const connections = new Set<SocketConnection>()
  let closing = false
  const protocol = createProtocol(options)
  const upgrader = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    maxPayload: limits.bodyBytes,
    handleProtocols,
  })

  function open(connection: SocketConnection): void {
    connections.add(connection)
    const ended = protocol.opened(connection, connection)
    void connection.closed.then(() => {
      connections.delete(connection)
      return ended()
    })
  }

  return {
    accept(request, socket, head, caller) {
      if (closing) return void socket.destroy()
      const giveBack = slots.take(caller.address)
      if (!giveBack)
        throw new RequestError('TOO_MANY_SUBSCRIPTIONS', 'Too many connections from this address')
      socket.once('close', giveBack)
      upgrader.handleUpgrade(request, socket, head, (webSocket) => {
        const settings = { ...timers, mostWaiting: limits.bodyBytes, log }
        open(new SocketConnection(webSocket, socket, credentialsOf(request, caller), settings))
      })
    },
    async close() {
      closing = true
      for (const connection of connections) connection.close(1012, 'The server restarts')
      await Promise.all([...connections].map((connection) => connection.closed))
    },
  }
}

function createProtocol(options: WebSocketOptions) {
  const { engine, authenticate, limits, maskErrors } = options
  const { execute, subscribe } = engine.yoga.getEnveloped()
  // A payload is one object from its message to its last hook; an id may be used again before that.
  const operations = new WeakMap<SubscribePayload, Operation>()
  const mask = (errors: readonly GraphQLError[], payload: SubscribePayload) => {
    const operation = operations.get(payload)
    return operation ? maskErrors(errors, operation).map(formatError) : []
  }
  const end = (payload: SubscribePayload) => operations.get(payload)?.abort()

  return makeServer<Record<string, unknown> | undefined, SocketConnection>({
    connectionInitWaitTimeout: options.timers.connectionInit,
    onConnect({ extra: connection, connectionParams }) {
      connection.viewer = signIn(authenticate, connection.credentials, connectionParams)
    },
    async onSubscribe(context, id, payload) {
      const operation = startOperation(context.extra)
      const start = `{"id":${JSON.stringify(id)},"type":"next","payload":`
      operation.send = (result) => context.extra.sendResult(`${start}${result}}`)
      operations.set(payload, operation)
      try {
        requireRoom(context, limits.operationsPerSocket)
        return await prepare(engine, context.extra, operation, payload, limits)
      } catch (error) {
        return [toGraphQLError(error)]
      }
    },
    execute: (args) => settle(() => execute(args)),
    subscribe: (args) => settle(() => subscribe(args)),
    onNext(_context, _id, payload, _args, { errors, ...result }) {
      if (errors) return { ...result, errors: mask(errors, payload) } as FormattedExecutionResult
    },
    onError(_context, _id, payload, errors) {
      const masked = mask(errors, payload)
      end(payload)
      return masked
    },
    onComplete: (_context, _id, payload) => end(payload),
  })
}

/** Parsed, validated and given its context by the engine; errors are the operation's, never the socket's. */
async function prepare(
  engine: GraphQLEngine,
  connection: SocketConnection,
  operation: Operation,
  { query, variables, operationName }: SubscribePayload,
  limits: Limits,
): Promise<ExecutionArgs | readonly GraphQLError[]> {
  const { schema, parse, validate, contextFactory } = engine.yoga.getEnveloped({ operation })
  const document = parse(query)
  const errors: readonly GraphQLError[] = validate(schema, document)
  if (errors.length > 0) return errors
  if (getOperationAST(document, operationName)?.operation === 'subscription') {
    connection.trackSubscription(operation, limits.subscriptionsPerSocket)
  }
  const contextValue: unknown = await contextFactory()
  return { schema, document, contextValue, variableValues: variables, operationName }
}

/** What throws here would close the socket with every other operation on it. */
async function settle(run: () => unknown): Promise<SettledResult> {
  try {
    return (await run()) as SettledResult
  } catch (error) {
    return { errors: [toGraphQLError(error)] }
  }
}

function startOperation(connection: SocketConnection): Operation {
  const { viewer, credentials } = connection
  if (!viewer) throw new SocketClose(4401, 'Unauthorized')
  const operation = createOperation({ viewer, address: credentials.address })
  connection.track(operation)
  return operation
}

function requireRoom({ subscriptions }: SocketContext, most: number): void {
  if (Object.keys(subscriptions).length > most) {
    throw new RequestError(
      'RATE_LIMITED',
      `Too many operations under way on this socket: at most ${most} are taken`,
    )
  }
}

/** The payload of `connection_init` comes before what the upgrade carried: browsers cannot set its headers. */
function signIn(
  authenticate: Authenticate,
  credentials: Credentials,
  payload: Record<string, unknown> | undefined,
): Viewer {
  const authorization = authorizationOf(payload)
  try {
    return authenticate(authorization === null ? credentials : { ...credentials, authorization })
  } catch (error) {
    if (error instanceof UnauthenticatedError)
      throw new SocketClose(error.expired ? 4403 : 4401, error.message)
    if (error instanceof RequestError) throw new SocketClose(1013, error.message)
    throw error
  }
}

/** Null where the payload says nothing; what it says in the wrong form counts as wrong. */
function authorizationOf(payload: Record<string, unknown> = {}): string | null {
  // Clients write it as the header is written, or as HTTP/2 writes it.
  const { token, Authorization, authorization = Authorization } = payload
  if (token !== undefined) return typeof token === 'string' ? `Bearer ${token}` : ''
  if (authorization !== undefined) return typeof authorization === 'string' ? authorization : ''
  return null
}

function credentialsOf({ headers }: IncomingMessage, { address }: Caller): Credentials {
  return { address, authorization: headers.authorization, cookie: headers.cookie }
}
