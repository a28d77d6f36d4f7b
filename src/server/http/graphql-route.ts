import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Authenticate } from '../auth/authenticate.ts'
import { RequestError } from '../errors.ts'
import type { AddressSlots } from '../limits/address-slots.ts'
import { readBody } from './body.ts'
import type { Caller } from './caller.ts'
import type { GraphQLEngine } from './graphql.ts'
import { isJson, RefusedError, requirePreflighted } from './guard.ts'
import { createOperation, type Operation } from './operation.ts'
import { send, sendError } from './respond.ts'
import { type EventStreamOptions, writeEventStream } from './sse.ts'

export type GraphQLRouteOptions = {
  readonly engine: GraphQLEngine
  readonly authenticate: Authenticate
  readonly slots: AddressSlots
  readonly bodyBytes: number
  readonly events: EventStreamOptions
}

export type GraphQLRoute = {
  handle(request: IncomingMessage, response: ServerResponse, caller: Caller, url: URL): Promise<void>
  /** Ends all event streams for good, so that their readers come back. Other operations are let finish. */
  endEventStreams(): void
}

/** `/graphql` over HTTP: one operation in, one result or a stream of events out. */
export function createGraphQLRoute(options: GraphQLRouteOptions): GraphQLRoute {
  const streaming = new Set<Operation>()
  let ended = false

  async function streamEvents(
    response: ServerResponse,
    results: Parameters<typeof writeEventStream>[1],
    operation: Operation,
  ): Promise<void> {
    const giveBack = options.slots.take(operation.address)
    if (!giveBack) {
      operation.abort()
      throw new RequestError('TOO_MANY_SUBSCRIPTIONS', 'Too many connections from this address')
    }
    streaming.add(operation)
    if (ended) operation.abort()
    try {
      await writeEventStream(response, results, operation, options.events)
    } finally {
      streaming.delete(operation)
      giveBack()
    }
  }

  return {
    async handle(request, response, caller, url) {
      if (request.method === 'POST') requirePreflighted(request)
      else requireReadableParameters(url)
      const operation = authenticated(request, caller, options.authenticate)
      response.setHeader('X-Request-Id', operation.requestId)
      response.once('close', operation.abort)
      const init = await toRequestInit(request, options.bodyBytes)
      const outcome = await options.engine.run(
        `http://localhost${url.pathname}${url.search}`,
        init,
        operation,
      )
      if (outcome.kind === 'events') await streamEvents(response, outcome.results, operation)
      else await sendResponse(response, outcome.response)
    },
    endEventStreams() {
      ended = true
      for (const operation of streaming) operation.abort()
    },
  }
}

function authenticated(request: IncomingMessage, caller: Caller, authenticate: Authenticate): Operation {
  const { authorization, cookie, 'last-event-id': lastEventId } = request.headers
  const viewer = authenticate({ address: caller.address, authorization, cookie })
  return createOperation({
    viewer,
    address: caller.address,
    lastEventId: typeof lastEventId === 'string' && lastEventId !== '' ? lastEventId : null,
  })
}

async function toRequestInit(request: IncomingMessage, bodyBytes: number): Promise<RequestInit> {
  const headers: Record<string, string> = {}
  if (request.headers.accept !== undefined) headers.accept = request.headers.accept
  if (request.method !== 'POST') return { method: 'GET', headers }
  const type = isJson(request) ? 'application/json' : request.headers['content-type']
  if (type !== undefined) headers['content-type'] = type
  return { method: 'POST', headers, body: await readBody(request, bodyBytes) }
}

/** Yoga takes a mistake in these for one of its own. */
function requireReadableParameters({ searchParams }: URL): void {
  for (const name of ['variables', 'extensions']) {
    const text = searchParams.get(name)
    if (text && !isJsonObject(text)) {
      throw new RefusedError(400, 'BAD_USER_INPUT', `The parameter "${name}" has to be a JSON object`)
    }
  }
}

function isJsonObject(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text)
    return value === null || (typeof value === 'object' && !Array.isArray(value))
  } catch {
    return false
  }
}

async function sendResponse(response: ServerResponse, result: Response): Promise<void> {
  const body = await result.text()
  // Yoga says nothing where it finds no way to read the request or to write the response.
  if (body === '' && result.status >= 400) {
    return sendError(response, 'BAD_USER_INPUT', result.statusText || 'Bad request', result.status)
  }
  send(response, result.status, body, { ...Object.fromEntries(result.headers), 'Cache-Control': 'no-store' })
}
