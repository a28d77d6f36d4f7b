import type { ExecutionResult, GraphQLSchema } from 'graphql'
import { createYoga, type Plugin, type YogaServerInstance } from 'graphql-yoga'
import type { Limits } from '../limits/limits.ts'
import { createAdmission } from './admission.ts'
import { createDocumentCache, noErrorCache } from './document-cache.ts'
import { isAsyncIterable, withDelivery } from './event-delivery.ts'
import { errorBody, type MaskErrors, maskResult } from './mask-errors.ts'
import type { Operation, OperationContext } from './operation.ts'

export type GraphQLOptions = {
  readonly schema: GraphQLSchema
  readonly limits: Limits
  /** For one query or mutation. Milliseconds. */
  readonly timeout: number
  readonly createContext: (operation: Operation) => object | Promise<object>
  readonly maskErrors: MaskErrors
}

/** What an operation over HTTP gave: one response, or results to be written as events. */
export type Outcome =
  | { readonly kind: 'response'; readonly response: Response }
  | { readonly kind: 'events'; readonly results: AsyncIterable<ExecutionResult> }

export type GraphQLEngine = {
  readonly yoga: YogaServerInstance<OperationContext, object>
  /** Runs the operation of one HTTP request. Never throws for what the request holds. */
  run(url: string, request: RequestInit, operation: Operation): Promise<Outcome>
}

/** Yoga, less what would answer on its own account: it reads requests, runs operations and negotiates. */
export function createGraphQLEngine(options: GraphQLOptions): GraphQLEngine {
  const events = new WeakMap<Response, AsyncIterable<ExecutionResult>>()
  const yoga = createYoga<OperationContext, object>({
    schema: withDelivery(options.schema),
    context: ({ operation }) => options.createContext(operation),
    plugins: [
      createAdmission(options.limits, options.timeout),
      createNegotiation(options.maskErrors, events),
    ],
    // Errors are masked where they leave, with the id of their request, which Yoga's hook does not know.
    maskedErrors: false,
    parserAndValidationCache: { documentCache: createDocumentCache(), errorCache: noErrorCache },
    // The server in front has done these before it hands a request over.
    cors: false,
    graphiql: false,
    landingPage: false,
    multipart: false,
    maxRequestBodySize: false,
    logging: false,
  })

  return {
    yoga,
    async run(url, request, operation) {
      const response = await yoga.fetch(url, request, { operation })
      const results = events.get(response)
      return results ? { kind: 'events', results } : { kind: 'response', response }
    },
  }
}

/**
 * Masks what leaves over HTTP, and keeps events from Yoga's own writer: it neither pauses a source for a reader that
 * does not keep up nor stops it for one that has gone.
 */
function createNegotiation(
  maskErrors: MaskErrors,
  events: WeakMap<Response, AsyncIterable<ExecutionResult>>,
): Plugin<object, OperationContext> {
  return {
    onResultProcess({ request, result, resultProcessor, serverContext, setResult, setResultProcessor }) {
      const { operation } = serverContext
      const writeEvents = (results: AsyncIterable<ExecutionResult>) =>
        setResultProcessor((_result, fetchApi) => {
          const response = new fetchApi.Response()
          events.set(response, results)
          return response
        }, 'text/event-stream')

      if (isAsyncIterable(result)) {
        if (resultProcessor) return writeEvents(result as AsyncIterable<ExecutionResult>)
        operation.abort()
        return setResultProcessor(notAcceptable, 'application/json')
      }
      const masked = maskResult(result as ExecutionResult, operation, maskErrors)
      if (acceptsOnlyEvents(request)) return writeEvents(only(masked))
      setResult(masked)
    },
  }
}

function notAcceptable(_result: unknown, fetchApi: { Response: typeof Response }): Response {
  const body = errorBody('BAD_USER_INPUT', 'A subscription needs `Accept: text/event-stream`, or a WebSocket')
  return fetchApi.Response.json(body, { status: 406 })
}

function acceptsOnlyEvents(request: Request): boolean {
  const accept = request.headers.get('accept') ?? ''
  return accept.includes('text/event-stream') && !/json|\*\/\*|application\/\*/.test(accept)
}

async function* only(result: ExecutionResult): AsyncGenerator<ExecutionResult> {
  yield result
}
