/** Stable codes of the failures that the caller of a mutation can act on; see `UserErrorCode` in the schema. */
export const userErrorCodes = [
  'INVALID',
  'NOT_FOUND',
  'FORBIDDEN',
  'CONFLICT',
  'QUOTA_EXCEEDED',
  'RATE_LIMITED',
  'MODEL_UNAVAILABLE',
  'CONTEXT_TOO_LONG',
  'ALREADY_FINISHED',
  'IDEMPOTENCY_MISMATCH',
] as const
export type UserErrorCode = (typeof userErrorCodes)[number]

/** A failure that the caller can act on: becomes one entry of `userErrors`. `path` is relative to `input`. */
export class ChatError extends Error {
  override name = 'ChatError'
  readonly code: UserErrorCode
  readonly path: readonly string[] | null

  constructor(code: UserErrorCode, message: string, path: readonly string[] | null = null) {
    super(message)
    this.code = code
    this.path = path
  }
}

/** `extensions.code` of an operation that could not be served, with the HTTP status it has as a whole request. */
export const requestErrorCodes = {
  BAD_USER_INPUT: 400,
  UNAUTHENTICATED: 401,
  FORBIDDEN: 403,
  NOT_FOUND: 404,
  RATE_LIMITED: 429,
  COST_LIMIT: 400,
  TOO_MANY_SUBSCRIPTIONS: 429,
} as const
export type RequestErrorCode = keyof typeof requestErrorCodes

/** A failure of the request itself: becomes a GraphQL error with `extensions.code`, never a `userErrors` entry. */
export class RequestError extends Error {
  override name = 'RequestError'
  readonly code: RequestErrorCode

  constructor(code: RequestErrorCode, message: string) {
    super(message)
    this.code = code
  }
}

/** The database is away. Whoever asked may ask again, of any process: masked, but marked as retryable. */
export class UnavailableError extends Error {
  override name = 'UnavailableError'
}

/** Something the operator has to mend before the server can start: shown as one line, exit code 1. */
export class StartError extends Error {
  override name = 'StartError'
}

/** In words. Connecting to a name with several addresses fails with an error that has no message of its own. */
export function reasonOf(error: unknown): string {
  const first: unknown = error instanceof AggregateError ? error.errors[0] : error
  return first instanceof Error ? first.message : String(first)
}
