import { type ExecutionResult, GraphQLError, type GraphQLFormattedError } from 'graphql'
import {
  RequestError,
  type RequestErrorCode,
  reasonOf,
  requestErrorCodes,
  UnavailableError,
} from '../errors.ts'
import type { Logger } from '../log.ts'
import { relabel } from './graphql-error.ts'
import type { Operation } from './operation.ts'

/** Every `extensions.code` that a client can see, with the status of an HTTP response that holds nothing else. */
const statusOf = {
  ...requestErrorCodes,
  GRAPHQL_PARSE_FAILED: 400,
  GRAPHQL_VALIDATION_FAILED: 400,
  INTERNAL_SERVER_ERROR: 500,
} as const

type ErrorCode = keyof typeof statusOf

/** Decided before an error has a cause worth looking at: a validation error may wrap what a scalar threw. */
const ofTheDocument: readonly string[] = ['GRAPHQL_PARSE_FAILED', 'GRAPHQL_VALIDATION_FAILED']

export type MaskErrors = (errors: readonly unknown[], operation: Operation) => readonly GraphQLError[]

/**
 * Makes the one place where an error becomes what a client sees, on every transport: with a code from the
 * documented list, or as INTERNAL_SERVER_ERROR whose `requestId` leads to the log's entry with everything else.
 */
export function createMaskErrors(log: Logger): MaskErrors {
  return (errors, operation) => errors.map((error) => maskError(error, operation, log))
}

/** A result whose errors are masked, with the HTTP status where it holds errors only. */
export function maskResult(
  result: ExecutionResult,
  operation: Operation,
  maskErrors: MaskErrors,
): ExecutionResult {
  if (!result.errors) return result
  // Aborted operations end without an error of their own: somebody still waits for the response.
  const errors = result.errors.length > 0 ? result.errors : [new Error('The operation was aborted')]
  const masked = maskErrors(errors, operation)
  return { ...result, errors: 'data' in result ? masked.map(withoutStatus) : masked }
}

/** An error as it is written to a stream: without what is only meant for HTTP. */
export function formatError(error: GraphQLError): GraphQLFormattedError {
  return withoutStatus(error).toJSON()
}

function maskError(error: unknown, operation: Operation, log: Logger): GraphQLError {
  const { requestId } = operation
  const outer = error instanceof GraphQLError ? error : null
  if (outer && ofTheDocument.includes(String(outer.extensions.code)))
    return expose(outer, codeOf(outer), outer.message)
  const cause = rootCause(error)
  if (cause instanceof RequestError) return expose(outer, cause.code, cause.message)
  if (cause instanceof UnavailableError) {
    log.warn({ reason: reasonOf(cause), requestId, path: outer?.path }, 'an operation could not be served')
    return expose(outer, 'INTERNAL_SERVER_ERROR', 'The database does not answer: try again', {
      requestId,
      retryable: true,
    })
  }
  if (outer && (isAboutVariables(outer) || isMeantForClients(outer, cause))) {
    const code = codeOf(outer)
    return expose(
      outer,
      code,
      outer.message,
      code === 'INTERNAL_SERVER_ERROR' ? { requestId, retryable: true } : {},
    )
  }
  log.error({ err: cause, requestId, path: outer?.path }, 'an operation failed')
  return expose(outer, 'INTERNAL_SERVER_ERROR', 'Internal server error', { requestId })
}

/** What was thrown in the first place: executors wrap it in errors that say where. */
function rootCause(error: unknown): unknown {
  if (!(error instanceof GraphQLError)) return error
  const inner = error.originalError ?? error.cause
  return inner === undefined || inner === null ? error : rootCause(inner)
}

/** Whatever a scalar of ours throws about a variable, it is the variable that is wrong. */
function isAboutVariables(error: GraphQLError): boolean {
  return error.nodes?.every((node) => node.kind === 'VariableDefinition') ?? false
}

/**
 * GraphQL's own complaints about a request are; what has no code and was raised by a field is a bug of ours, such
 * as a value that its type cannot serialise.
 */
function isMeantForClients(outer: GraphQLError, cause: unknown): boolean {
  if (!(cause instanceof GraphQLError) || cause.extensions.unexpected === true) return false
  return cause.extensions.code !== undefined || outer.path === undefined
}

/** Codes of the libraries underneath all mean that the request was not one. */
function codeOf(error: GraphQLError): ErrorCode {
  const { code } = error.extensions
  return typeof code === 'string' && code in statusOf ? (code as ErrorCode) : 'BAD_USER_INPUT'
}

function expose(
  located: GraphQLError | null,
  code: ErrorCode,
  message: string,
  extensions: Record<string, unknown> = {},
): GraphQLError {
  return relabel(located, { code, ...extensions, http: httpOf(located, code) }, message)
}

/** Yoga reads the status here. `spec`: 200 all the same for clients that accept nothing but `application/json`. */
function httpOf(located: GraphQLError | null, code: ErrorCode): Record<string, unknown> {
  const given = (located?.extensions.http ?? {}) as Record<string, unknown>
  return { status: statusOf[code], ...given, spec: ofTheDocument.includes(code) }
}

function withoutStatus(error: GraphQLError): GraphQLError {
  const { http: _status, ...extensions } = error.extensions
  return relabel(error, extensions)
}

/** A refusal of the request as a whole, before any operation: the same body that a GraphQL client reads errors from. */
export function errorBody(
  code: RequestErrorCode | 'INTERNAL_SERVER_ERROR',
  message: string,
  extensions: Record<string, unknown> = {},
): { errors: readonly GraphQLFormattedError[] } {
  return { errors: [{ message, extensions: { code, ...extensions } }] }
}
