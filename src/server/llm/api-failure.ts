import { type FailureCode, ProviderError } from './provider.ts'

/** What an API says is wrong, in a response of its own or in the middle of a stream. */
export type ApiError = {
  /** Of HTTP; null in the middle of a stream, unless the API repeats it there. */
  readonly status: number | null
  /** The API's own names of what is wrong, the most telling one first, in lower case. */
  readonly names: readonly string[]
  /** Its own words. */
  readonly message: string | null
  /** When to come again, as the API says it. */
  readonly retryAt: Date | null
  /** Whether the API says itself that another try would fail as well. */
  readonly isFinal: boolean
}

/** How people know a provider, and what they set for it. */
export type ProviderWords = {
  /** As `Anthropic`. */
  readonly label: string
  /** The setting that holds its key. */
  readonly keySetting: string
  /** The setting that holds its address. */
  readonly urlSetting: string
}

type Kind = {
  readonly code: FailureCode
  readonly retryable: boolean
  readonly says: (words: ProviderWords) => string
  /** Whether the API's own words follow: only they know what was wrong with the request. */
  readonly quotes?: true
  /** Whether the API's own words may say that it is another kind. */
  readonly isVague?: true
}

const kinds = {
  badRequest: {
    code: 'PROVIDER_BAD_RESPONSE',
    retryable: false,
    says: ({ label }) => `${label} refused the request`,
    quotes: true,
    isVague: true,
  },
  auth: {
    code: 'PROVIDER_AUTH',
    retryable: false,
    says: ({ label, keySetting }) => `${label} refused the API key: check ${keySetting}`,
  },
  billing: {
    code: 'QUOTA_EXCEEDED',
    retryable: false,
    says: ({ label }) =>
      `${label} refused the request: the account has no credit left, or has reached its spending limit`,
  },
  permission: {
    code: 'PROVIDER_AUTH',
    retryable: false,
    says: ({ label }) => `${label} refused the request: the API key does not allow it`,
    isVague: true,
  },
  filtered: {
    code: 'CONTENT_FILTERED',
    retryable: false,
    says: ({ label }) => `${label} refused the request: its filter does not let it pass`,
    quotes: true,
  },
  notFound: {
    code: 'MODEL_UNAVAILABLE',
    retryable: false,
    says: ({ label }) => `${label} does not offer this model: choose another one`,
  },
  noSuchAddress: {
    code: 'PROVIDER_BAD_RESPONSE',
    retryable: false,
    says: ({ label, urlSetting }) => `${label} gave no answer: there is no such address, check ${urlSetting}`,
    isVague: true,
  },
  tooLong: {
    code: 'CONTEXT_TOO_LONG',
    retryable: false,
    says: () =>
      'The conversation is too long for this model: start a new one, or choose a model with a larger context',
  },
  busy: {
    code: 'PROVIDER_OVERLOADED',
    retryable: true,
    says: ({ label }) => `${label} is overloaded: try again in a moment`,
  },
  rateLimit: {
    code: 'PROVIDER_RATE_LIMITED',
    retryable: true,
    says: ({ label }) => `${label} limits the rate of requests: try again later`,
  },
  timeout: {
    code: 'PROVIDER_TIMEOUT',
    retryable: true,
    says: ({ label }) => `${label} took too long to answer: try again`,
  },
  broken: {
    code: 'PROVIDER_BAD_RESPONSE',
    retryable: true,
    says: ({ label }) => `${label} failed with an error of its own: try again`,
  },
} as const satisfies Record<string, Kind>

/** What the APIs call it: each of these means the same wherever it is used. */
const kindsOfName: Record<string, Kind> = {
  // Rate limits that no short wait ends.
  contract_spend_limit_reached: kinds.billing,
  enforced_spend_limit_reached: kinds.billing,
  insufficient_quota: kinds.billing,
  billing_not_active: kinds.billing,
  billing_hard_limit_reached: kinds.billing,
  billing_error: kinds.billing,
  context_length_exceeded: kinds.tooLong,
  exceed_context_size_error: kinds.tooLong,
  request_too_large: kinds.tooLong,
  content_filter: kinds.filtered,
  content_policy_violation: kinds.filtered,
  model_not_found: kinds.notFound,
  not_found_error: kinds.notFound,
  not_found: kinds.notFound,
  invalid_api_key: kinds.auth,
  api_key_invalid: kinds.auth,
  authentication_error: kinds.auth,
  unauthenticated: kinds.auth,
  permission_error: kinds.permission,
  permission_denied: kinds.permission,
  rate_limit_error: kinds.rateLimit,
  rate_limit_exceeded: kinds.rateLimit,
  resource_exhausted: kinds.rateLimit,
  timeout_error: kinds.timeout,
  deadline_exceeded: kinds.timeout,
  conflict_error: kinds.busy,
  overloaded_error: kinds.busy,
  unavailable: kinds.busy,
}

/** Names that are given to whatever is wrong with a request: where there is a status, it says more. */
const vagueNames = ['invalid_request_error', 'invalid_argument', 'failed_precondition']

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

/**
 * What no name that all use stands for. Where the wording changes, people read the API's own words instead, or what
 * the status says.
 */
const kindsOfWords: readonly [RegExp, Kind][] = [
  [
    /prompt is too long|context window|context length|context size|maximum number of tokens|too many tokens/i,
    kinds.tooLong,
  ],
  [
    /no endpoints found for|not a valid model|model not exist|model .*(not found|does not exist)/i,
    kinds.notFound,
  ],
  [/flagged/i, kinds.filtered],
]

/** What people are told of an error. `cause` goes to the log, and holds no secret. */
export function toFailure(error: ApiError, words: ProviderWords, cause: Error): ProviderError {
  const kind = kindOf(error)
  const quoted = kind.quotes && error.message ? `: ${error.message.slice(0, 300)}` : ''
  return new ProviderError(kind.code, kind.says(words) + quoted, {
    retryable: kind.retryable && !error.isFinal,
    retryAt: error.retryAt,
    cause,
  })
}

function kindOf({ status, names, message }: ApiError): Kind {
  const name = names.find((one) => Object.hasOwn(kindsOfName, one))
  if (name !== undefined) return kindsOfName[name]!
  const kind = kindsOfStatus[status ?? 0] ?? kindOfRest(status, names)
  if (message === null || !kind.isVague) return kind
  const worded = kindsOfWords.find(([words]) => words.test(message))?.[1]
  // What explains itself was no missing address.
  return worded ?? (kind === kinds.noSuchAddress ? kinds.badRequest : kind)
}

function kindOfRest(status: number | null, names: readonly string[]): Kind {
  const isTheRequest = status === null ? names.some((name) => vagueNames.includes(name)) : status < 500
  return isTheRequest ? kinds.badRequest : kinds.broken
}

/** An error response, whatever of it is as expected. `body` is text that may be JSON. */
export function readErrorResponse(status: number, headers: Headers, body: string): ApiError {
  const said = readError(body)
  return {
    status,
    names: said?.names ?? [],
    message: said?.message ?? null,
    retryAt: parseRetryAfter(headers.get('retry-after')) ?? said?.retryAt ?? null,
    isFinal: headers.get('x-should-retry') === 'false',
  }
}

/**
 * The error in a piece of JSON of an API, in any of the forms in use: `{"error": {"message", "type", "code",
 * "status", "details"}}`, the same in a list, or `{"error": "…"}`. Null where there is none.
 */
export function readError(json: string): ApiError | null {
  const value = parseLeniently(json)
  const first = asRecord(Array.isArray(value) ? value[0] : value)
  const error = first?.['error']
  if (typeof error === 'string') return { ...unnamed, message: error }
  const said = asRecord(error)
  return said ? readDetails(said) : null
}

/** An error of which nothing is said. */
export const unnamed: ApiError = { status: null, names: [], message: null, retryAt: null, isFinal: false }

function readDetails(error: Record<string, unknown>): ApiError {
  const { code, type, status, message, details } = error
  const more = (Array.isArray(details) ? details : [details]).map(asRecord)
  const names = [...more.flatMap((one) => [one?.['error_code'], one?.['reason']]), code, type, status]
  return {
    ...unnamed,
    status: typeof code === 'number' ? code : null,
    names: names.filter((name) => typeof name === 'string').map((name) => name.toLowerCase()),
    message: typeof message === 'string' ? message : null,
    retryAt: more.map((one) => parseDelay(one?.['retryDelay'])).find((at) => at !== null) ?? null,
  }
}

/** Google's way to say when to come again (`google.rpc.RetryInfo`): a duration as `39s`. */
function parseDelay(value: unknown): Date | null {
  const seconds = typeof value === 'string' ? /^(\d+(?:\.\d+)?)s$/.exec(value)?.[1] : undefined
  return seconds === undefined ? null : parseRetryAfter(seconds)
}

/** The time that a `Retry-After` header names, in seconds from now or as a date; null for anything else. */
export function parseRetryAfter(value: string | null): Date | null {
  if (value === null) return null
  const at = new Date(/^\d+(\.\d+)?$/.test(value.trim()) ? Date.now() + Number(value) * 1_000 : value)
  return Number.isNaN(at.getTime()) ? null : at
}

function parseLeniently(json: string): unknown {
  try {
    return JSON.parse(json)
  } catch {
    return undefined
  }
}

function asRecord(value: unknown): Record<string, unknown> | undefined {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined
}
