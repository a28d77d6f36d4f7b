import { createServer } from 'node:net'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import type { FailureCode } from '../../../src/server/llm/provider.ts'
import {
  type ByteRequest,
  type ByteServer,
  chunk,
  chunkedHead,
  response,
  startByteServer,
  streamHead,
} from '../../support/byte-server.ts'
import { ask, failureOf, type Outcome, testKey } from '../../support/llm.ts'
import { type Trouble, type Wire, wires } from '../../support/wires.ts'

let server: ByteServer
beforeAll(async () => {
  server = await startByteServer()
})
afterAll(() => server.close())

/** What comes of one question when the upstream does this. */
async function whenUpstream(
  wire: Wire,
  act: (request: ByteRequest) => Promise<void> | void,
): Promise<Outcome> {
  const outcome = ask(wire.at(server.url), wire.question())
  await act(await server.request())
  return outcome
}

const answers = (bytes: string) => async (request: ByteRequest) => {
  await request.write(bytes)
  request.end()
}

const refuses = (wire: Wire, trouble: Trouble, headers = {}) => {
  const { status, body } = wire.error(trouble, 'Because')
  return answers(response(status, 'application/json; charset=UTF-8', body, headers))
}

// First of all: an SDK keeps what the console was when its first client was made.
test('[case 55] nothing of what people and models write reaches the console', async () => {
  const methods = ['log', 'info', 'warn', 'error', 'debug'] as const
  const spies = methods.map((method) => vi.spyOn(console, method))
  for (const wire of wires) {
    await whenUpstream(wire, answers(`${streamHead}event: message_start\ndata: {"my secret\n\n`))
    await whenUpstream(wire, (request) => request.reset())
    await whenUpstream(wire, refuses(wire, 'invalid'))
  }
  for (const spy of spies) {
    expect(spy).not.toHaveBeenCalled()
    spy.mockRestore()
  }
})

const troubles: [Trouble, FailureCode, boolean][] = [
  ['auth', 'PROVIDER_AUTH', false],
  ['permission', 'PROVIDER_AUTH', false],
  ['notFound', 'MODEL_UNAVAILABLE', false],
  ['tooLong', 'CONTEXT_TOO_LONG', false],
  ['invalid', 'PROVIDER_BAD_RESPONSE', false],
  ['rateLimit', 'PROVIDER_RATE_LIMITED', true],
  ['internal', 'PROVIDER_BAD_RESPONSE', true],
  ['timeout', 'PROVIDER_TIMEOUT', true],
  ['overloaded', 'PROVIDER_OVERLOADED', true],
]
const passing = troubles.filter(([, , retryable]) => retryable)

describe.each(wires)('an error response of $label', (wire) => {
  test.each(troubles)('[case 33] %s is %s, to be tried again: %s', async (trouble, code, retryable) => {
    const failure = failureOf(await whenUpstream(wire, refuses(wire, trouble)))
    expect(failure).toMatchObject({ code, retryable, retryAt: null })
    expect(failure.message).toMatch(new RegExp(`${wire.label}|conversation`))
  })

  test("a request that is refused is explained in the API's own words", async () => {
    const failure = failureOf(await whenUpstream(wire, refuses(wire, 'invalid')))
    expect(failure.message).toBe(`${wire.label} refused the request: Because`)
  })

  test('a wrong key is told by the name of its setting', async () => {
    const failure = failureOf(await whenUpstream(wire, refuses(wire, 'auth')))
    expect(failure.message).toContain(wire.keySetting)
  })

  test('an address that does not exist is no missing model', async () => {
    const page = response(404, 'text/html', '<h1>Not found</h1>')
    const failure = failureOf(await whenUpstream(wire, answers(page)))
    expect(failure).toMatchObject({ code: 'PROVIDER_BAD_RESPONSE', retryable: false })
    expect(failure.message).toContain(wire.urlSetting)
  })

  test('[case 30] says when to come again, near or far', async () => {
    for (const seconds of [1, 3_600]) {
      const before = Date.now()
      const headers = { 'retry-after': String(seconds) }
      const { retryAt, retryable } = failureOf(await whenUpstream(wire, refuses(wire, 'rateLimit', headers)))
      expect(retryAt?.getTime()).toBeGreaterThanOrEqual(before + seconds * 1_000)
      expect(retryAt?.getTime()).toBeLessThanOrEqual(Date.now() + seconds * 1_000)
      expect(retryable).toBe(true)
    }
  })

  test('[case 30] says when to come again by a date', async () => {
    const headers = { 'retry-after': 'Fri, 20 Nov 2099 12:00:00 GMT' }
    const failure = failureOf(await whenUpstream(wire, refuses(wire, 'rateLimit', headers)))
    expect(failure.retryAt).toEqual(new Date('2099-11-20T12:00:00Z'))
  })

  test('[case 32] is answered with one request: no SDK tries again by itself', async () => {
    const before = server.requests.length
    await whenUpstream(wire, refuses(wire, 'internal'))
    expect(server.requests.length).toBe(before + 1)
  })

  test('an upstream that says not to come again is believed', async () => {
    const headers = { 'x-should-retry': 'false' }
    expect(failureOf(await whenUpstream(wire, refuses(wire, 'overloaded', headers))).retryable).toBe(false)
  })

  test('[case 34] an error page of a gateway', async () => {
    const page = response(502, 'text/html', `<h1>Bad gateway</h1>${'x'.repeat(1_000_000)}`)
    const failure = failureOf(await whenUpstream(wire, answers(page)))
    expect(failure).toMatchObject({ code: 'PROVIDER_BAD_RESPONSE', retryable: true })
    expect(String(failure.cause).length).toBeLessThan(3_000)
  })
})

describe.each(wires)('a success of $label that is no event stream is a failure', (wire) => {
  test.each([
    ['an error as JSON', response(200, 'application/json', wire.error('overloaded').body)],
    ['a page', response(200, 'text/html; charset=utf-8', '<h1>Sign in to the hotel network</h1>')],
    ['nothing', response(204, 'text/event-stream', '')],
    ['no type', 'HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nhi'],
    ['an empty stream', streamHead],
    ['a stream without an event', `${streamHead}: hello\n\n`],
    ['a stream with nothing but its end', `${streamHead}data: [DONE]\n\n`],
  ])('[case 34] %s', async (_name, bytes) => {
    const outcome = await whenUpstream(wire, answers(bytes))
    expect(outcome).toMatchObject({ text: '', finish: null })
    expect(failureOf(outcome)).toMatchObject({ code: 'PROVIDER_BAD_RESPONSE', retryable: true })
  })

  test('[case 34] what it was instead is kept for the log', async () => {
    const page = response(200, 'text/html', '<h1>Sign in</h1>')
    const failure = failureOf(await whenUpstream(wire, answers(page)))
    expect(failure.message).not.toContain('Sign in')
    expect(String(failure.cause)).toContain('<h1>Sign in</h1>')
  })

  test('another place to ask is not followed', async () => {
    const before = server.requests.length
    const elsewhere = response(307, 'text/plain', '', { location: `${server.url}/elsewhere` })
    const failure = failureOf(await whenUpstream(wire, answers(elsewhere)))
    expect(failure).toMatchObject({ code: 'PROVIDER_BAD_RESPONSE', retryable: false })
    expect(server.requests.slice(before).map(({ path }) => path)).toEqual([wire.path])
  })
})

describe.each(wires)('a connection to $label that fails before the answer', (wire) => {
  test('[case 36] because nobody listens', async () => {
    const closed = await startByteServer()
    await closed.close()
    expect(failureOf(await ask(wire.at(closed.url), wire.question()))).toMatchObject({
      code: 'PROVIDER_UNREACHABLE',
      retryable: true,
      message: `Cannot reach ${wire.label}: no connection`,
    })
  })

  test('[case 36] because the name is unknown', async () => {
    const failure = failureOf(await ask(wire.at('http://no-such-host.invalid'), wire.question()))
    expect(failure).toMatchObject({ code: 'PROVIDER_UNREACHABLE', retryable: true })
  })

  test('[case 36] because what listens does not speak TLS', async () => {
    await using plain = await startRefusingServer()
    const failure = failureOf(await ask(wire.at(`https://127.0.0.1:${plain.port}`), wire.question()))
    expect(failure).toMatchObject({
      code: 'PROVIDER_UNREACHABLE',
      message: `Cannot reach ${wire.label}: no connection`,
    })
  })

  test.each(['end', 'reset'] as const)('[case 36] because of its %s', async (how) => {
    expect(failureOf(await whenUpstream(wire, (request) => request[how]()))).toMatchObject({
      code: 'PROVIDER_UNREACHABLE',
      retryable: true,
      message: `Cannot reach ${wire.label}: the connection was lost before an answer came`,
    })
  })
})

describe.each(wires)('an error that $label tells in its stream', (wire) => {
  test.each(passing)('[case 35] %s before any content is %s', async (trouble, code) => {
    const outcome = await whenUpstream(wire, answers(streamHead + wire.begin() + wire.errorFrame(trouble)))
    expect(outcome).toMatchObject({ text: '', finish: null })
    expect(failureOf(outcome)).toMatchObject({ code, retryable: true })
  })

  test('[case 35] as its first event', async () => {
    const outcome = await whenUpstream(wire, answers(streamHead + wire.errorFrame('overloaded')))
    expect(failureOf(outcome)).toMatchObject({ code: 'PROVIDER_OVERLOADED', retryable: true })
  })

  test.each(passing)('[case 37] %s after content is %s, and keeps it', async (trouble, code) => {
    const bytes = streamHead + wire.begin() + wire.text('so far') + wire.errorFrame(trouble)
    const outcome = await whenUpstream(wire, answers(bytes))
    expect(outcome).toMatchObject({ text: 'so far', finish: null })
    expect(failureOf(outcome)).toMatchObject({ code, retryable: true })
  })

  test('[case 35] in a request that will never pass is not tried again', async () => {
    const outcome = await whenUpstream(wire, answers(streamHead + wire.errorFrame('invalid', 'Because')))
    expect(failureOf(outcome)).toMatchObject({
      code: 'PROVIDER_BAD_RESPONSE',
      retryable: false,
      message: `${wire.label} refused the request: Because`,
    })
  })
})

describe.each(wires)('an answer of $label that breaks off keeps what it said', (wire) => {
  const begun = wire.begin() + wire.text('so far')

  test.each([
    ['[case 38] with the end of the connection', ''],
    ['[case 40] with a frame that is no JSON', 'event: message_delta\ndata: {"type":"mess\n\n'],
  ])('%s', async (_name, frames) => {
    const outcome = await whenUpstream(wire, answers(streamHead + begun + frames))
    expect(outcome).toMatchObject({ text: 'so far', finish: null })
    expect(failureOf(outcome)).toMatchObject({ code: 'PROVIDER_BAD_RESPONSE', retryable: true })
  })

  test('[case 38] with the end of the response, on a connection that stays', async () => {
    const outcome = await whenUpstream(wire, (request) =>
      request.write(chunkedHead + chunk(begun) + chunk('')),
    )
    expect(outcome).toMatchObject({ text: 'so far', finish: null })
    expect(failureOf(outcome).code).toBe('PROVIDER_BAD_RESPONSE')
  })

  test('[case 38] with the end of the connection inside the response', async () => {
    const outcome = await whenUpstream(wire, answers(chunkedHead + chunk(begun)))
    expect(outcome).toMatchObject({ text: 'so far', finish: null })
    expect(failureOf(outcome).code).toBe('PROVIDER_UNREACHABLE')
  })

  test('[case 39] with a reset', async () => {
    const run = wire.at(server.url).stream(wire.question(), new AbortController().signal)
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

  test('with a line that goes on and on, which is not held for ever', async () => {
    const outcome = await whenUpstream(wire, async (request) => {
      await request.write(`${streamHead}${begun}data: `)
      while (!request.isClosed) await request.write('x'.repeat(2 ** 20))
    })
    expect(outcome).toMatchObject({ text: 'so far', finish: null })
    expect(failureOf(outcome)).toMatchObject({
      code: 'PROVIDER_BAD_RESPONSE',
      retryable: true,
      message: `${wire.label} broke off: it sent an event without an end`,
    })
  })

  test('with compressed bytes that are none', async () => {
    const head = streamHead.replace('\r\n\r\n', '\r\ncontent-encoding: gzip\r\n\r\n')
    const outcome = await whenUpstream(wire, answers(`${head}this is not gzip`))
    expect(failureOf(outcome).code).toBe('PROVIDER_UNREACHABLE')
  })

  test('an answer after a failure is as if nothing had happened', async () => {
    await whenUpstream(wire, (request) => request.reset())
    expect(await whenUpstream(wire, answers(streamHead + wire.answer('fine')))).toMatchObject({
      text: 'fine',
      finish: 'STOP',
    })
  })
})

describe.each(wires)('the API key of $label', (wire) => {
  const repeated = `bad key ${testKey}`
  const { status } = wire.error('invalid')

  test.each([
    ['an error that is quoted', response(status, 'application/json', wire.error('invalid', repeated).body)],
    ['an error that is not', response(401, 'text/plain', repeated)],
    ['a page', response(200, 'text/html', repeated)],
    ['an error in the stream', streamHead + wire.errorFrame('invalid', repeated)],
    ['a frame that is no JSON', `${streamHead}event: message_start\ndata: {"error": ${testKey}}\n\n`],
    ['a page that is cut', response(502, 'text/html', testKey.repeat(20_000))],
  ])('[case 55] is in no failure, though it is in %s', async (_name, bytes) => {
    const told = inspectDeeply(failureOf(await whenUpstream(wire, answers(bytes))))
    for (const piece of piecesOf(testKey)) expect(told).not.toContain(piece)
  })

  test('[case 55] with a character that no header carries is refused at the start, and not repeated', () => {
    for (const apiKey of [`${testKey}\nx`, `${testKey}\u2028`, '']) {
      expect(() => wire.at(server.url, {}, apiKey)).toThrow(
        `Cannot use ${wire.keySetting}: it holds a character that no API key has`,
      )
    }
  })
})

/** Everything of a key that would give it away. */
function piecesOf(key: string): string[] {
  const length = 8
  return Array.from({ length: key.length - length + 1 }, (_, at) => key.slice(at, at + length))
}

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
