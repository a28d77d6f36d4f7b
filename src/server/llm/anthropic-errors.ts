import { APIError } from '@anthropic-ai/sdk'
import { EndlessEventError } from './event-stream.ts'
import { type FailureCode, ProviderError } from './provider.ts'

type Kind = {
  readonly code: FailureCode
  readonly retryable: boolean
  readonly says: string
  /** Whether Anthropic's own words follow: only they know what was wrong with the request. */
  readonly quotes?: true
}

const kinds = {
  badRequest: {
    code: 'PROVIDER_BAD_RESPONSE',
    retryable: false,
    says: 'Anthropic refused the request',
    quotes: true,
  },
  auth: {
    code: 'PROVIDER_AUTH',
    retryable: false,
    says: 'Anthropic refused the API key: check ANTHROPIC_API_KEY',
  },
  billing: {
    code: 'QUOTA_EXCEEDED',
    retryable: false,
    says: 'Anthropic refused the request: the account has no credit left, or has reached its spending limit',
  },
  permission: {
    code: 'PROVIDER_AUTH',
    retryable: false,
    says: 'Anthropic refused the request: the API key does not allow it',
  },
  notFound: {
    code: 'MODEL_UNAVAILABLE',
    retryable: false,
    says: 'Anthropic does not offer this model: choose another one',
  },
  noSuchAddress: {
    code: 'PROVIDER_BAD_RESPONSE',
    retryable: false,
    says: 'Anthropic gave no answer: there is no such address, check ANTHROPIC_BASE_URL',
  },
  tooLong: {
    code: 'CONTEXT_TOO_LONG',
    retryable: false,
    says: 'The conversation is too long for this model: start a new one, or choose a model with a larger context',
  },
  busy: {
    code: 'PROVIDER_OVERLOADED',
    retryable: true,
    says: 'Anthropic is overloaded: try again in a moment',
  },
  rateLimit: {
    code: 'PROVIDER_RATE_LIMITED',
    retryable: true,
    says: 'Anthropic limits the rate of requests: try again later',
  },
  timeout: {
    code: 'PROVIDER_TIMEOUT',
    retryable: true,
    says: 'Anthropic took too long to answer: try again',
  },
  broken: {
    code: 'PROVIDER_BAD_RESPONSE',
    retryable: true,
    says: 'Anthropic failed with an error of its own: try again',
  },
} as const satisfies Record<string, Kind>

const kindsOfType: Record<string, Kind> = {
  invalid_request_error: kinds.badRequest,
  authentication_error: kinds.auth,
  billing_error: kinds.billing,
  permission_error: kinds.permission,
  not_found_error: kinds.notFound,
  request_too_large: kinds.tooLong,
  rate_limit_error: kinds.rateLimit,
  timeout_error: kinds.timeout,
  conflict_error: kinds.busy,
  overloaded_error: kinds.busy,
  api_error: kinds.broken,
}

const kindsOfStatus: Record<number, Kind> = {
  401: kinds.auth,
  402: kinds.billing,
  403: kinds.permission,
  404: kinds.noSuchAddress,
  408: kinds.timeout,
  409: kinds.busy,
  413: kinds.tooLong,
  429: kinds.rateLimit,
  503: kinds.busy,
  504: kinds.timeout,
  529: kinds.busy,
}

/** Rate limits that no short wait ends. */
const spendingLimits = new Set(['contract_spend_limit_reached', 'enforced_spend_limit_reached'])

/** What the SDK throws, as the one error that a provider throws. `redact` takes secrets out of a text. */
export function toProviderError(error: unknown, redact: (text: string) => string): ProviderError {
  if (error instanceof ProviderError) return error
  // Only a copy of the message: the SDK's error holds the response as it came.
  const cause = new Error(redact(error instanceof Error ? `${error.name}: ${error.message}` : String(error)))
  if (error instanceof APIError) return fromApiError(error, redact, cause)
  if (error instanceof SyntaxError) return badStream('it sent something that is not JSON', cause)
  if (error instanceof EndlessEventError) return badStream('it sent an event without an end', cause)
  return new ProviderError('INTERNAL', 'Asking Anthropic failed: an error of this server', { cause })
}

/** A stream that ended, but not with the end of an answer. */
export function brokenOff(): ProviderError {
  return badStream('the answer has no end')
}

function badStream(why: string, cause?: Error): ProviderError {
  const message = `Anthropic broke off: ${why}`
  return new ProviderError('PROVIDER_BAD_RESPONSE', message, { retryable: true, cause })
}

function fromApiError(error: APIError, redact: (text: string) => string, cause: Error): ProviderError {
  const kind = kindOf(error)
  const words = kind.quotes && error.apiMessage ? `: ${redact(error.apiMessage).slice(0, 300)}` : ''
  const retryAt = parseRetryAfter(error.headers?.get('retry-after') ?? null)
  const retryable = kind.retryable && error.headers?.get('x-should-retry') !== 'false'
  return new ProviderError(kind.code, kind.says + words, { retryable, retryAt, cause })
}

function kindOf({ status, type, errorCode, apiMessage }: APIError): Kind {
  if (errorCode !== null && spendingLimits.has(errorCode)) return kinds.billing
  const kind = kindsOfType[type ?? ''] ?? kindsOfStatus[status ?? 0]
  if (!kind) return (status ?? 500) >= 500 ? kinds.broken : kinds.badRequest
  // There is no code for it yet. Where the wording changes, people read Anthropic's own words instead.
  if (kind === kinds.badRequest && /prompt is too long|context window/i.test(apiMessage ?? ''))
    return kinds.tooLong
  return kind
}

/** The time that a `Retry-After` header names, in seconds from now or as a date; null for anything else. */
export function parseRetryAfter(value: string | null): Date | null {
  if (value === null) return null
  const time = /^\d+(\.\d+)?$/.test(value.trim()) ? Date.now() + Number(value) * 1_000 : Date.parse(value)
  return Number.isNaN(time) ? null : new Date(time)
}
