import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { withRetries } from '../../../src/server/llm/retry.ts'
import { answer, errorBody, messageStart, textDelta } from '../../support/anthropic-frames.ts'
import {
  type ByteRequest,
  type ByteServer,
  response,
  startByteServer,
  streamHead,
} from '../../support/byte-server.ts'
import { claudeAt, failureOf, type Outcome, outcomeOf, question } from '../../support/llm.ts'

type Act = (request: ByteRequest) => Promise<void> | void

let server: ByteServer
let acts: Act[] = []
let asked = 0
beforeAll(async () => {
  server = await startByteServer((request) => {
    asked += 1
    void acts.shift()?.(request)
  })
})
afterAll(() => server.close())
beforeEach(() => {
  asked = 0
})

/** One run against an upstream that does these things, one for each try. */
function run(
  script: Act[],
  options: { retryBudget?: number; retryBase?: number; signal?: AbortSignal } = {},
) {
  acts = [...script]
  const { retryBudget = 20_000, retryBase = 1, signal = new AbortController().signal } = options
  return outcomeOf(withRetries(claudeAt(server.url), question(), { retryBudget, retryBase, signal }))
}

const answers =
  (bytes: string): Act =>
  async (request) => {
    await request.write(bytes)
    request.end()
  }
const refuses = (status: number, type: string, headers = {}) =>
  answers(response(status, 'application/json', errorBody(type), headers))
const overloaded = refuses(529, 'overloaded_error')
const succeeds = answers(streamHead + answer('fine'))

const codesOf = ({ attempts }: Outcome) => attempts.map(({ attempt, error }) => [attempt, error.code])

describe('a failure before any content is tried again', () => {
  test('[case 31] and the try after it answers', async () => {
    const outcome = await run([overloaded, succeeds])
    expect(outcome).toMatchObject({ text: 'fine', finish: 'STOP', error: null })
    expect(codesOf(outcome)).toEqual([[2, 'PROVIDER_OVERLOADED']])
  })

  test('[case 32] three times in all', async () => {
    const broken = refuses(500, 'api_error')
    const outcome = await run([broken, broken, broken, succeeds])
    expect(failureOf(outcome).code).toBe('PROVIDER_BAD_RESPONSE')
    expect(codesOf(outcome)).toEqual([
      [2, 'PROVIDER_BAD_RESPONSE'],
      [3, 'PROVIDER_BAD_RESPONSE'],
    ])
    expect(asked).toBe(3)
  })

  test.each([
    ['a reset', (request: ByteRequest) => request.reset()],
    ['a page', answers(response(200, 'text/html', '<h1>Hi</h1>'))],
    ['an empty stream', answers(streamHead)],
    ['an error event', answers(streamHead + messageStart() + 'event: error\ndata: {"type":"error"}\n\n')],
    ['a rate limit', refuses(429, 'rate_limit_error')],
  ])('after %s', async (_name, fails) => {
    expect(await run([fails, succeeds])).toMatchObject({ text: 'fine', finish: 'STOP', error: null })
    expect(asked).toBe(2)
  })
})

describe('there is no other try', () => {
  test.each([
    [400, 'invalid_request_error'],
    [401, 'authentication_error'],
    [402, 'billing_error'],
    [403, 'permission_error'],
    [404, 'not_found_error'],
    [413, 'request_too_large'],
  ])('after %i %s', async (status, type) => {
    const outcome = await run([refuses(status, type), succeeds])
    expect(failureOf(outcome).retryable).toBe(false)
    expect(asked).toBe(1)
  })

  test('once a word was said, and the words are kept', async () => {
    const breaks = answers(streamHead + messageStart() + textDelta('so far'))
    const outcome = await run([breaks, succeeds])
    expect(outcome).toMatchObject({ text: 'so far', attempts: [] })
    expect(failureOf(outcome)).toMatchObject({ code: 'PROVIDER_BAD_RESPONSE', retryable: true })
    expect(asked).toBe(1)
  })

  test('after a refusal of the model, which is an answer', async () => {
    const refusal = streamHead + answer().replace('end_turn', 'refusal')
    expect(await run([answers(refusal), succeeds])).toMatchObject({
      text: '',
      finish: 'REFUSAL',
      error: null,
    })
    expect(asked).toBe(1)
  })

  test('when the budget is spent', async () => {
    expect(failureOf(await run([overloaded, succeeds], { retryBudget: 0 })).code).toBe('PROVIDER_OVERLOADED')
    expect(asked).toBe(1)
  })
})

describe('[case 30] the time that an upstream asks for', () => {
  test('is waited for where the budget holds it', async () => {
    const started = performance.now()
    const outcome = await run([refuses(429, 'rate_limit_error', { 'retry-after': '0.3' }), succeeds])
    expect(outcome).toMatchObject({ text: 'fine', error: null })
    expect(performance.now() - started).toBeGreaterThanOrEqual(298)
  })

  test.each(['3600', new Date(Date.now() + 3_600_000).toUTCString()])(
    'fails at once where the budget does not, and is told: %s',
    async (retryAfter) => {
      const outcome = await run([refuses(429, 'rate_limit_error', { 'retry-after': retryAfter }), succeeds])
      const failure = failureOf(outcome)
      expect(failure).toMatchObject({ code: 'PROVIDER_RATE_LIMITED', retryable: true })
      expect(failure.retryAt?.getTime()).toBeGreaterThan(Date.now() + 3_500_000)
      expect(asked).toBe(1)
    },
  )

  test('in the past is now', async () => {
    const past = new Date(Date.now() - 60_000).toUTCString()
    expect(await run([refuses(429, 'rate_limit_error', { 'retry-after': past }), succeeds])).toMatchObject({
      text: 'fine',
    })
  })
})

test('an abort between two tries throws its reason, and there is no other try', async () => {
  const abort = new AbortController()
  const stop = new Error('Stopped by a person')
  const slow = refuses(429, 'rate_limit_error', { 'retry-after': '15' })
  acts = [slow, succeeds]
  const options = { retryBudget: 20_000, retryBase: 1, signal: abort.signal }
  const reading = (async () => {
    for await (const event of withRetries(claudeAt(server.url), question(), options)) {
      // The wait begins when the next event is asked for.
      if (event.type === 'attempt') setImmediate(() => abort.abort(stop))
    }
  })()
  await expect(reading).rejects.toBe(stop)
  expect(asked).toBe(1)
})

test('text is made storable on the way, for every try anew', async () => {
  const half = streamHead + messageStart() + textDelta('\ud83d')
  const whole = streamHead + answer('a\0b', '\ud83d', '\ude00')
  expect(await run([answers(half), answers(whole)])).toMatchObject({ text: 'a\ufffdb😀', finish: 'STOP' })
})
