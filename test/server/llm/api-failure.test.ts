import { describe, expect, test } from 'vitest'
import {
  parseRetryAfter,
  readError,
  readErrorResponse,
  toFailure,
  unnamed,
} from '../../../src/server/llm/api-failure.ts'
import type { FailureCode, ProviderError } from '../../../src/server/llm/provider.ts'

const words = { label: 'Acme', keySetting: 'ACME_API_KEY', urlSetting: 'ACME_BASE_URL' }

function failureOf(status: number, body: unknown, headers: Record<string, string> = {}): ProviderError {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  return toFailure(readErrorResponse(status, new Headers(headers), text), words, new Error('cause'))
}

/** A status, the error in the body of its response, and what becomes of it. */
type Row = readonly [status: number, error: object, code: FailureCode, retryable: boolean]

const anthropic: readonly Row[] = [
  [400, { type: 'invalid_request_error', message: 'max_tokens: required' }, 'PROVIDER_BAD_RESPONSE', false],
  [400, { type: 'invalid_request_error', message: 'prompt is too long: 9 > 8' }, 'CONTEXT_TOO_LONG', false],
  [401, { type: 'authentication_error', message: 'invalid x-api-key' }, 'PROVIDER_AUTH', false],
  [402, { type: 'billing_error', message: 'No credit' }, 'QUOTA_EXCEEDED', false],
  [403, { type: 'permission_error', message: 'No' }, 'PROVIDER_AUTH', false],
  [404, { type: 'not_found_error', message: 'model: claude-9' }, 'MODEL_UNAVAILABLE', false],
  [408, { type: 'timeout_error', message: 'Slow' }, 'PROVIDER_TIMEOUT', true],
  [409, { type: 'conflict_error', message: 'Busy' }, 'PROVIDER_OVERLOADED', true],
  [413, { type: 'request_too_large', message: 'Too large' }, 'CONTEXT_TOO_LONG', false],
  [422, { type: 'invalid_request_error', message: 'No' }, 'PROVIDER_BAD_RESPONSE', false],
  [429, { type: 'rate_limit_error', message: 'Slow down' }, 'PROVIDER_RATE_LIMITED', true],
  [
    429,
    { type: 'rate_limit_error', message: 'Limit', details: { error_code: 'contract_spend_limit_reached' } },
    'QUOTA_EXCEEDED',
    false,
  ],
  [500, { type: 'api_error', message: 'Internal server error' }, 'PROVIDER_BAD_RESPONSE', true],
  [504, { type: 'timeout_error', message: 'Slow' }, 'PROVIDER_TIMEOUT', true],
  [529, { type: 'overloaded_error', message: 'Overloaded' }, 'PROVIDER_OVERLOADED', true],
]

const openai: readonly Row[] = [
  [400, { type: 'invalid_request_error', code: 'unsupported_parameter' }, 'PROVIDER_BAD_RESPONSE', false],
  [400, { type: 'invalid_request_error', code: 'context_length_exceeded' }, 'CONTEXT_TOO_LONG', false],
  [400, { type: 'image_generation_user_error', code: 'content_policy_violation' }, 'CONTENT_FILTERED', false],
  [400, { type: 'invalid_request_error', code: 'billing_hard_limit_reached' }, 'QUOTA_EXCEEDED', false],
  [401, { type: 'invalid_request_error', code: 'invalid_api_key' }, 'PROVIDER_AUTH', false],
  [401, { type: 'invalid_request_error', code: null, message: 'No API key given' }, 'PROVIDER_AUTH', false],
  [403, { type: 'request_forbidden', code: 'unsupported_country_region_territory' }, 'PROVIDER_AUTH', false],
  [404, { type: 'invalid_request_error', code: 'model_not_found' }, 'MODEL_UNAVAILABLE', false],
  [
    404,
    { type: 'invalid_request_error', code: null, message: 'Invalid URL (POST /v1/v1/chat/completions)' },
    'PROVIDER_BAD_RESPONSE',
    false,
  ],
  [429, { type: 'tokens', code: 'rate_limit_exceeded' }, 'PROVIDER_RATE_LIMITED', true],
  [429, { type: 'insufficient_quota', code: 'insufficient_quota' }, 'QUOTA_EXCEEDED', false],
  [500, { type: 'server_error', code: null }, 'PROVIDER_BAD_RESPONSE', true],
  [
    503,
    { type: 'server_error', code: null, message: 'The engine is overloaded' },
    'PROVIDER_OVERLOADED',
    true,
  ],
]

const openrouter: readonly Row[] = [
  [400, { code: 400, message: 'acme/nothing is not a valid model ID' }, 'MODEL_UNAVAILABLE', false],
  [
    400,
    { code: 400, message: "This endpoint's maximum context length is 8192 tokens" },
    'CONTEXT_TOO_LONG',
    false,
  ],
  [401, { code: 401, message: 'No auth credentials found' }, 'PROVIDER_AUTH', false],
  [402, { code: 402, message: 'Insufficient credits' }, 'QUOTA_EXCEEDED', false],
  [403, { code: 403, message: 'Key limit exceeded' }, 'PROVIDER_AUTH', false],
  [
    403,
    {
      code: 403,
      message: 'acme/model requires moderation. Your input was flagged',
      metadata: { reasons: ['x'] },
    },
    'CONTENT_FILTERED',
    false,
  ],
  [404, { code: 404, message: 'No endpoints found for acme/model:free.' }, 'MODEL_UNAVAILABLE', false],
  [
    404,
    { code: 404, message: 'No endpoints found matching your data policy' },
    'PROVIDER_BAD_RESPONSE',
    false,
  ],
  [408, { code: 408, message: 'Timed out' }, 'PROVIDER_TIMEOUT', true],
  [429, { code: 429, message: 'Rate limit exceeded: free-models-per-min' }, 'PROVIDER_RATE_LIMITED', true],
  [502, { code: 502, message: 'Provider returned error' }, 'PROVIDER_BAD_RESPONSE', true],
  [503, { code: 503, message: 'No instances available' }, 'PROVIDER_OVERLOADED', true],
]

const deepseek: readonly Row[] = [
  [
    400,
    { message: 'Model Not Exist', type: 'invalid_request_error', param: null, code: 'invalid_request_error' },
    'MODEL_UNAVAILABLE',
    false,
  ],
  [
    401,
    { message: 'Authentication Fails', type: 'authentication_error', code: 'invalid_request_error' },
    'PROVIDER_AUTH',
    false,
  ],
  [
    402,
    { message: 'Insufficient Balance', type: 'unknown_error', code: 'invalid_request_error' },
    'QUOTA_EXCEEDED',
    false,
  ],
  [
    422,
    { message: 'Bad', type: 'invalid_request_error', code: 'invalid_request_error' },
    'PROVIDER_BAD_RESPONSE',
    false,
  ],
  [
    429,
    { message: 'Slow down', type: 'rate_limit_reached_error', code: null },
    'PROVIDER_RATE_LIMITED',
    true,
  ],
  [503, { message: 'Busy', type: 'service_unavailable_error', code: null }, 'PROVIDER_OVERLOADED', true],
]

const locals: readonly Row[] = [
  [
    400,
    {
      code: 400,
      message: 'the request exceeds the available context size',
      type: 'exceed_context_size_error',
    },
    'CONTEXT_TOO_LONG',
    false,
  ],
  [
    400,
    { message: "This model's maximum context length is 4096", type: 'BadRequestError' },
    'CONTEXT_TOO_LONG',
    false,
  ],
  [404, { message: "model 'llama9' not found", type: 'api_error', code: null }, 'MODEL_UNAVAILABLE', false],
  [
    404,
    { message: 'The model `x` does not exist.', type: 'NotFoundError', code: 404 },
    'MODEL_UNAVAILABLE',
    false,
  ],
  [503, { code: 503, message: 'Loading model', type: 'unavailable_error' }, 'PROVIDER_OVERLOADED', true],
]

const info = { '@type': 'type.googleapis.com/google.rpc.ErrorInfo' }

const gemini: readonly Row[] = [
  [
    400,
    { code: 400, status: 'INVALID_ARGUMENT', details: [{ ...info, reason: 'API_KEY_INVALID' }] },
    'PROVIDER_AUTH',
    false,
  ],
  [
    400,
    { code: 400, status: 'INVALID_ARGUMENT', message: 'exceeds the maximum number of tokens allowed' },
    'CONTEXT_TOO_LONG',
    false,
  ],
  [400, { code: 400, status: 'FAILED_PRECONDITION', message: 'Location' }, 'PROVIDER_BAD_RESPONSE', false],
  [401, { code: 401, status: 'UNAUTHENTICATED' }, 'PROVIDER_AUTH', false],
  [403, { code: 403, status: 'PERMISSION_DENIED' }, 'PROVIDER_AUTH', false],
  [404, { code: 404, status: 'NOT_FOUND', message: 'models/x is not found' }, 'MODEL_UNAVAILABLE', false],
  [429, { code: 429, status: 'RESOURCE_EXHAUSTED' }, 'PROVIDER_RATE_LIMITED', true],
  [500, { code: 500, status: 'INTERNAL' }, 'PROVIDER_BAD_RESPONSE', true],
  [503, { code: 503, status: 'UNAVAILABLE' }, 'PROVIDER_OVERLOADED', true],
  [504, { code: 504, status: 'DEADLINE_EXCEEDED' }, 'PROVIDER_TIMEOUT', true],
]

describe.each([
  { vendor: 'Anthropic', rows: anthropic },
  { vendor: 'OpenAI', rows: openai },
  { vendor: 'OpenRouter', rows: openrouter },
  { vendor: 'DeepSeek', rows: deepseek },
  { vendor: 'servers of our own', rows: locals },
  { vendor: 'Gemini', rows: gemini },
])('[case 33] an error of $vendor', ({ rows }) => {
  test.each(rows)('%i %j is %s, to be tried again: %s', (status, error, code, retryable) => {
    expect(failureOf(status, { error })).toMatchObject({ code, retryable, retryAt: null })
  })
})

describe('an error of whoever it may be', () => {
  test.each([
    [400, 'PROVIDER_BAD_RESPONSE', false],
    [401, 'PROVIDER_AUTH', false],
    [402, 'QUOTA_EXCEEDED', false],
    [403, 'PROVIDER_AUTH', false],
    [404, 'PROVIDER_BAD_RESPONSE', false],
    [408, 'PROVIDER_TIMEOUT', true],
    [409, 'PROVIDER_OVERLOADED', true],
    [413, 'CONTEXT_TOO_LONG', false],
    [418, 'PROVIDER_BAD_RESPONSE', false],
    [429, 'PROVIDER_RATE_LIMITED', true],
    [500, 'PROVIDER_BAD_RESPONSE', true],
    [502, 'PROVIDER_BAD_RESPONSE', true],
    [503, 'PROVIDER_OVERLOADED', true],
    [504, 'PROVIDER_TIMEOUT', true],
    [529, 'PROVIDER_OVERLOADED', true],
    [599, 'PROVIDER_BAD_RESPONSE', true],
  ])('is told by its status where its body says nothing: %i is %s', (status, code, retryable) => {
    for (const body of [
      '',
      '<h1>Error</h1>',
      'null',
      '[]',
      '{"error":null}',
      '{"error":{}}',
      { detail: 'No' },
    ]) {
      expect(failureOf(status, body)).toMatchObject({ code, retryable, retryAt: null })
    }
  })

  test.each([
    ['an object', { error: { message: 'Too many tokens' } }],
    ['a list', [{ error: { message: 'Too many tokens' } }]],
    ['a text', { error: 'Too many tokens' }],
  ])('is understood as %s', (_form, body) => {
    expect(failureOf(400, body).code).toBe('CONTEXT_TOO_LONG')
  })

  test('is quoted where only its own words explain it, and not at length', () => {
    expect(failureOf(400, { error: 'Because' }).message).toBe('Acme refused the request: Because')
    expect(failureOf(404, { error: 'Because' }).message).toBe('Acme refused the request: Because')
    expect(failureOf(400, { error: 'x'.repeat(9_999) }).message.length).toBeLessThan(400)
    expect(failureOf(500, { error: 'Because' }).message).not.toContain('Because')
  })

  test.each([
    [401, 'ACME_API_KEY'],
    [404, 'ACME_BASE_URL'],
  ])('%i names the setting to look at: %s', (status, setting) => {
    expect(failureOf(status, '').message).toContain(setting)
  })

  test('is not tried again where the API says so', () => {
    expect(failureOf(529, '', { 'x-should-retry': 'false' }).retryable).toBe(false)
    expect(failureOf(400, '', { 'x-should-retry': 'true' }).retryable).toBe(false)
  })
})

describe('an error in the middle of a stream', () => {
  test.each([
    ['overloaded_error', 'PROVIDER_OVERLOADED', true],
    ['rate_limit_error', 'PROVIDER_RATE_LIMITED', true],
    ['timeout_error', 'PROVIDER_TIMEOUT', true],
    ['api_error', 'PROVIDER_BAD_RESPONSE', true],
    ['brand_new_error', 'PROVIDER_BAD_RESPONSE', true],
    ['invalid_request_error', 'PROVIDER_BAD_RESPONSE', false],
    ['constructor', 'PROVIDER_BAD_RESPONSE', true],
  ])('of type %s is %s', (type, code, retryable) => {
    const error = readError(JSON.stringify({ type: 'error', error: { type, message: 'x' } }))
    expect(toFailure(error ?? unnamed, words, new Error())).toMatchObject({ code, retryable })
  })

  test('of which nothing is said may pass', () => {
    expect(toFailure(unnamed, words, new Error())).toMatchObject({
      code: 'PROVIDER_BAD_RESPONSE',
      retryable: true,
    })
  })

  test.each(['', 'null', '7', '{', '{"message":"x"}'])('is none in %j', (json) => {
    expect(readError(json)).toBeNull()
  })
})

describe('[case 30] the time of the next try', () => {
  test.each([
    ['1', 1_000],
    ['3600', 3_600_000],
    ['0.5', 500],
    [' 7 ', 7_000],
  ])('is %j seconds from now', (value, wait) => {
    const before = Date.now()
    const at = parseRetryAfter(value)?.getTime()
    expect(at).toBeGreaterThanOrEqual(before + wait)
    expect(at).toBeLessThanOrEqual(Date.now() + wait)
  })

  test('is a date', () => {
    expect(parseRetryAfter('Fri, 20 Nov 2026 12:00:00 GMT')).toEqual(new Date('2026-11-20T12:00:00Z'))
  })

  test.each([null, '', 'soon', '-1x'])('is unknown after %j', (value) => {
    expect(parseRetryAfter(value)).toBeNull()
  })

  test('is unknown where it lies beyond all dates', () => {
    expect(parseRetryAfter('9'.repeat(30))).toBeNull()
  })

  const retryInfo = { '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: '39s' }
  const quota = { '@type': 'type.googleapis.com/google.rpc.QuotaFailure', violations: [] }

  test('is in the details of a rate limit of Gemini', () => {
    const before = Date.now()
    const error = { code: 429, status: 'RESOURCE_EXHAUSTED', details: [quota, retryInfo] }
    const at = failureOf(429, { error }).retryAt?.getTime()
    expect(at).toBeGreaterThanOrEqual(before + 39_000)
    expect(at).toBeLessThanOrEqual(Date.now() + 39_000)
  })

  test('is that of the header where both say one', () => {
    const error = { code: 429, status: 'RESOURCE_EXHAUSTED', details: [retryInfo] }
    const date = 'Fri, 20 Nov 2099 12:00:00 GMT'
    expect(failureOf(429, { error }, { 'retry-after': date }).retryAt).toEqual(
      new Date('2099-11-20T12:00:00Z'),
    )
  })
})
