import { createServer } from 'node:net'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { createAnthropic } from '../../../src/server/llm/anthropic.ts'
import { parseRetryAfter } from '../../../src/server/llm/anthropic-errors.ts'
import {
  answer,
  blockStop,
  errorBody,
  errorFrame,
  messageStart,
  textDelta,
  textStart,
} from '../../support/anthropic-frames.ts'
import {
  type ByteRequest,
  type ByteServer,
  chunk,
  chunkedHead,
  response,
  startByteServer,
  streamHead,
} from '../../support/byte-server.ts'
import {
  ask,
  claudeAt,
  failureOf,
  type Outcome,
  patientTimers,
  question,
  testKey,
} from '../../support/llm.ts'

let server: ByteServer
beforeAll(async () => {
  server = await startByteServer()
})
afterAll(() => server.close())

/** What comes of one question when the upstream does this. */
async function whenUpstream(act: (request: ByteRequest) => Promise<void> | void): Promise<Outcome> {
  const outcome = ask(claudeAt(server.url))
  await act(await server.request())
  return outcome
}

const answers = (bytes: string) => async (request: ByteRequest) => {
  await request.write(bytes)
  request.end()
}

const refuses = (status: number, type: string, headers = {}, details?: object) =>
  answers(response(status, 'application/json', errorBody(type, 'Because', details), headers))

// First of all: the SDK keeps what the console was when its first client was made.
test('nothing of what people and models write reaches the console', async () => {
  const methods = ['log', 'info', 'warn', 'error', 'debug'] as const
  const spies = methods.map((method) => vi.spyOn(console, method))
  await whenUpstream(answers(`${streamHead}event: message_start\ndata: {"my secret\n\n`))
  await whenUpstream((request) => request.reset())
  for (const spy of spies) {
    expect(spy).not.toHaveBeenCalled()
    spy.mockRestore()
  }
})

describe('an error response becomes a failure that says what to do', () => {
  test.each([
    [401, 'authentication_error', 'PROVIDER_AUTH', false],
    [402, 'billing_error', 'QUOTA_EXCEEDED', false],
    [403, 'permission_error', 'PROVIDER_AUTH', false],
    [404, 'not_found_error', 'MODEL_UNAVAILABLE', false],
    [408, 'timeout_error', 'PROVIDER_TIMEOUT', true],
    [409, 'conflict_error', 'PROVIDER_OVERLOADED', true],
    [413, 'request_too_large', 'CONTEXT_TOO_LONG', false],
    [422, 'invalid_request_error', 'PROVIDER_BAD_RESPONSE', false],
    [429, 'rate_limit_error', 'PROVIDER_RATE_LIMITED', true],
    [500, 'api_error', 'PROVIDER_BAD_RESPONSE', true],
    [502, 'unheard_of', 'PROVIDER_BAD_RESPONSE', true],
    [503, 'unheard_of', 'PROVIDER_OVERLOADED', true],
    [504, 'timeout_error', 'PROVIDER_TIMEOUT', true],
    [529, 'overloaded_error', 'PROVIDER_OVERLOADED', true],
  ])('%i %s', async (status, type, code, retryable) => {
    const failure = failureOf(await whenUpstream(refuses(status, type)))
    expect(failure).toMatchObject({ code, retryable, retryAt: null })
    expect(failure.message).toMatch(/Anthropic|conversation/)
  })

  test("a request that is refused is explained in Anthropic's own words", async () => {
    const failure = failureOf(await whenUpstream(refuses(400, 'invalid_request_error')))
    expect(failure).toMatchObject({
      code: 'PROVIDER_BAD_RESPONSE',
      message: 'Anthropic refused the request: Because',
    })
  })

  test('a prompt that is too long is told apart from other bad requests', async () => {
    const body = errorBody('invalid_request_error', 'prompt is too long: 1000001 tokens > 1000000 maximum')
    const failure = failureOf(await whenUpstream(answers(response(400, 'application/json', body))))
    expect(failure).toMatchObject({ code: 'CONTEXT_TOO_LONG', retryable: false })
  })

  test('an address that does not exist is no missing model', async () => {
    const failure = failureOf(await whenUpstream(answers(response(404, 'text/html', '<h1>Not found</h1>'))))
    expect(failure).toMatchObject({ code: 'PROVIDER_BAD_RESPONSE', retryable: false })
    expect(failure.message).toContain('ANTHROPIC_BASE_URL')
  })

  test('a spending limit is no rate limit: no wait ends it', async () => {
    const details = { error_code: 'contract_spend_limit_reached' }
    const failure = failureOf(await whenUpstream(refuses(429, 'rate_limit_error', {}, details)))
    expect(failure).toMatchObject({ code: 'QUOTA_EXCEEDED', retryable: false })
  })

  test('an upstream that says not to come again is believed', async () => {
    const headers = { 'x-should-retry': 'false' }
    expect(failureOf(await whenUpstream(refuses(529, 'overloaded_error', headers))).retryable).toBe(false)
  })

  test('an error page of a gateway', async () => {
    const page = response(502, 'text/html', `<h1>Bad gateway</h1>${'x'.repeat(1_000_000)}`)
    expect(failureOf(await whenUpstream(answers(page)))).toMatchObject({
      code: 'PROVIDER_BAD_RESPONSE',
      retryable: true,
    })
  })
})

describe('the time of the next try', () => {
  test.each(['1', '3600', '0.5'])('is %s seconds from now', async (seconds) => {
    const before = Date.now()
    const { retryAt } = failureOf(
      await whenUpstream(refuses(429, 'rate_limit_error', { 'retry-after': seconds })),
    )
    const wait = Number(seconds) * 1_000
    expect(retryAt?.getTime()).toBeGreaterThanOrEqual(before + wait)
    expect(retryAt?.getTime()).toBeLessThanOrEqual(Date.now() + wait)
  })

  test('is a date', () => {
    expect(parseRetryAfter('Fri, 20 Nov 2026 12:00:00 GMT')).toEqual(new Date('2026-11-20T12:00:00Z'))
  })

  test.each([null, '', 'soon', '-1x'])('is unknown after %j', (value) => {
    expect(parseRetryAfter(value)).toBeNull()
  })
})

describe('a success that is no event stream is a failure', () => {
  test.each([
    ['an error as JSON', response(200, 'application/json', errorBody('overloaded_error'))],
    ['a page', response(200, 'text/html; charset=utf-8', '<h1>Sign in to the hotel network</h1>')],
    ['nothing', response(204, 'text/event-stream', '')],
    ['no type', 'HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nhi'],
    ['an empty stream', streamHead],
    ['a stream without an event', `${streamHead}: hello\n\n`],
  ])('%s', async (_name, bytes) => {
    const outcome = await whenUpstream(answers(bytes))
    expect(outcome).toMatchObject({ text: '', finish: null })
    expect(failureOf(outcome)).toMatchObject({ code: 'PROVIDER_BAD_RESPONSE', retryable: true })
  })

  test('what it was instead is kept for the log', async () => {
    const failure = failureOf(await whenUpstream(answers(response(200, 'text/html', '<h1>Sign in</h1>'))))
    expect(failure.message).not.toContain('Sign in')
    expect(String(failure.cause)).toContain('<h1>Sign in</h1>')
  })

  test('another place to ask is not followed', async () => {
    const elsewhere = response(307, 'text/plain', '', { location: `${server.url}/elsewhere` })
    const failure = failureOf(await whenUpstream(answers(elsewhere)))
    expect(failure).toMatchObject({ code: 'PROVIDER_BAD_RESPONSE', retryable: false })
    expect(server.requests.every(({ path }) => path === '/v1/messages')).toBe(true)
  })
})

describe('a connection that fails before the answer', () => {
  test('because nobody listens', async () => {
    const closed = await startByteServer()
    await closed.close()
    expect(failureOf(await ask(claudeAt(closed.url)))).toMatchObject({
      code: 'PROVIDER_UNREACHABLE',
      retryable: true,
      message: 'Cannot reach Anthropic: no connection',
    })
  })

  test('because the name is unknown', async () => {
    const failure = failureOf(await ask(claudeAt('http://no-such-host.invalid')))
    expect(failure).toMatchObject({ code: 'PROVIDER_UNREACHABLE', retryable: true })
  })

  test('because what listens does not speak TLS', async () => {
    await using plain = await startRefusingServer()
    const failure = failureOf(await ask(claudeAt(`https://127.0.0.1:${plain.port}`)))
    expect(failure).toMatchObject({
      code: 'PROVIDER_UNREACHABLE',
      message: 'Cannot reach Anthropic: no connection',
    })
  })

  test.each(['end', 'reset'] as const)('because of its %s', async (how) => {
    expect(failureOf(await whenUpstream((request) => request[how]()))).toMatchObject({
      code: 'PROVIDER_UNREACHABLE',
      retryable: true,
      message: 'Cannot reach Anthropic: the connection was lost before an answer came',
    })
  })
})

describe('an answer that breaks off keeps what it said', () => {
  const begun = messageStart() + textStart() + textDelta('so far')

  test.each([
    ['with an error event: overloaded', errorFrame('overloaded_error'), 'PROVIDER_OVERLOADED'],
    ['with an error event: rate limit', errorFrame('rate_limit_error'), 'PROVIDER_RATE_LIMITED'],
    ['with an error event: timeout', errorFrame('timeout_error'), 'PROVIDER_TIMEOUT'],
    ['with an error event: internal', errorFrame('api_error'), 'PROVIDER_BAD_RESPONSE'],
    ['with an error event: unheard of', errorFrame('brand_new_error'), 'PROVIDER_BAD_RESPONSE'],
    ['with the end of the connection', blockStop(), 'PROVIDER_BAD_RESPONSE'],
    [
      'with a frame that is no JSON',
      'event: message_delta\ndata: {"type":"mess\n\n',
      'PROVIDER_BAD_RESPONSE',
    ],
  ])('%s', async (_name, frames, code) => {
    const outcome = await whenUpstream(answers(streamHead + begun + frames))
    expect(outcome).toMatchObject({ text: 'so far', finish: null })
    expect(failureOf(outcome)).toMatchObject({ code, retryable: true })
  })

  test('with the end of the response, on a connection that stays', async () => {
    const outcome = await whenUpstream((request) => request.write(chunkedHead + chunk(begun) + chunk('')))
    expect(outcome).toMatchObject({ text: 'so far', finish: null })
    expect(failureOf(outcome).code).toBe('PROVIDER_BAD_RESPONSE')
  })

  test('with the end of the connection inside the response', async () => {
    const outcome = await whenUpstream(answers(chunkedHead + chunk(begun)))
    expect(outcome).toMatchObject({ text: 'so far', finish: null })
    expect(failureOf(outcome).code).toBe('PROVIDER_UNREACHABLE')
  })

  test('with a line that goes on and on, which is not held for ever', async () => {
    const outcome = await whenUpstream(async (request) => {
      await request.write(`${streamHead}${begun}data: `)
      while (!request.isClosed) await request.write('x'.repeat(2 ** 20))
    })
    expect(outcome).toMatchObject({ text: 'so far', finish: null })
    expect(failureOf(outcome)).toMatchObject({
      code: 'PROVIDER_BAD_RESPONSE',
      retryable: true,
      message: 'Anthropic broke off: it sent an event without an end',
    })
  })

  test('with a reset', async () => {
    const run = claudeAt(server.url).stream(question(), new AbortController().signal)
    const texts: string[] = []
    const reading = (async () => {
      for await (const event of run) {
        if (event.type !== 'text') continue
        texts.push(event.text)
        server.requests.at(-1)?.reset()
      }
    })()
    const request = await server.request()
    await request.write(streamHead + begun)
    await expect(reading).rejects.toMatchObject({ code: 'PROVIDER_UNREACHABLE', retryable: true })
    expect(texts).toEqual(['so far'])
  })

  test('with compressed bytes that are none', async () => {
    const head = streamHead.replace('\r\n\r\n', '\r\ncontent-encoding: gzip\r\n\r\n')
    const outcome = await whenUpstream(answers(`${head}this is not gzip`))
    expect(failureOf(outcome).code).toBe('PROVIDER_UNREACHABLE')
  })
})

test('an error event before any content is a failure without text', async () => {
  const outcome = await whenUpstream(answers(streamHead + errorFrame('overloaded_error')))
  expect(outcome).toMatchObject({ text: '', finish: null })
  expect(failureOf(outcome)).toMatchObject({ code: 'PROVIDER_OVERLOADED', retryable: true })
})

describe('the API key', () => {
  test('is in no failure, though an upstream repeats it', async () => {
    const repeated = `bad key ${testKey}`
    const bodies = [
      response(400, 'application/json', errorBody('invalid_request_error', repeated)),
      response(401, 'text/plain', repeated),
      response(200, 'text/html', repeated),
      streamHead + errorFrame('invalid_request_error', repeated),
      `${streamHead}event: message_start\ndata: ${repeated}\n\n`,
    ]
    for (const body of bodies) {
      const failure = failureOf(await whenUpstream(answers(body)))
      expect(inspectDeeply(failure)).not.toContain(testKey)
    }
  })

  test('with a character that no header carries is refused at the start, and not repeated', () => {
    const apiKey = `${testKey}\nx`
    const create = () => createAnthropic({ apiKey, baseUrl: null, timers: patientTimers })
    expect(create).toThrow('Cannot use ANTHROPIC_API_KEY: it holds a character that no API key has')
  })
})

test('an answer after a failure is as if nothing had happened', async () => {
  await whenUpstream((request) => request.reset())
  expect(await whenUpstream(answers(streamHead + answer('fine')))).toMatchObject({
    text: 'fine',
    finish: 'STOP',
  })
})

function inspectDeeply(error: unknown): string {
  if (!(error instanceof Error)) return JSON.stringify(error) ?? ''
  return [error.name, error.message, error.stack, JSON.stringify(error), inspectDeeply(error.cause)].join(
    '\n',
  )
}

/** A TCP server that answers whatever it hears with something that is no TLS. */
async function startRefusingServer(): Promise<AsyncDisposable & { port: number }> {
  const plain = createServer((socket) => {
    socket.on('error', () => {})
    socket.on('data', () => socket.end('SSH-2.0-OpenSSH\r\n'))
  })
  await new Promise<void>((resolve) => plain.listen(0, '127.0.0.1', resolve))
  const address = plain.address()
  const port = typeof address === 'object' && address ? address.port : 0
  return { port, [Symbol.asyncDispose]: async () => void plain.close() }
}
