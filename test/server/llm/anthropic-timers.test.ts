import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer as createSecureServer, globalAgent } from 'node:https'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ProviderError } from '../../../src/server/llm/provider.ts'
import { type ProviderTimers, Watchdog } from '../../../src/server/llm/watchdog.ts'
import {
  answer,
  blockStart,
  messageDelta,
  messageStart,
  messageStop,
  ping,
  textDelta,
  textStart,
  thinkingDelta,
  thinkingStart,
} from '../../support/anthropic-frames.ts'
import {
  arrivals,
  type ByteRequest,
  type ByteServer,
  startByteServer,
  streamHead,
} from '../../support/byte-server.ts'
import { ask, claudeAt, failureOf, patientTimers, question } from '../../support/llm.ts'

let server: ByteServer
beforeAll(async () => {
  server = await startByteServer()
})
afterAll(() => server.close())

const begun = messageStart() + textStart() + textDelta('so far')

/** Sends pings until the client is gone: bytes that keep the connection busy and say nothing. */
async function keepPinging(request: ByteRequest): Promise<void> {
  while (!request.isClosed) {
    await request.write(ping)
    await passed(5)
  }
}

/** The pace of an upstream, not a wait for something to happen. */
function passed(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

describe('each wait has its own end', () => {
  const cases: [keyof ProviderTimers, string, string, (request: ByteRequest) => unknown][] = [
    ['providerFirstByte', 'PROVIDER_TIMEOUT', 'an upstream that accepts and stays silent', () => {}],
    [
      'providerFirstContent',
      'PROVIDER_TIMEOUT',
      'an upstream that pings, and does not begin',
      async (request) => {
        await request.write(streamHead + messageStart() + textStart())
        await keepPinging(request)
      },
    ],
    [
      'providerByteIdle',
      'PROVIDER_STALLED',
      'an upstream that stalls',
      (request) => request.write(streamHead + begun),
    ],
    [
      'providerContentIdle',
      'PROVIDER_STALLED',
      'an upstream that only pings after a while',
      async (request) => {
        await request.write(streamHead + begun)
        await keepPinging(request)
      },
    ],
    [
      'providerTotal',
      'PROVIDER_TIMEOUT',
      'an upstream that never comes to an end',
      async (request) => {
        await request.write(streamHead + begun)
        while (!request.isClosed) {
          await request.write(textDelta('and on '))
          await passed(5)
        }
      },
    ],
  ]

  test.each(cases)('%s: %s after %s', async (timer, code, _name, act) => {
    const limit = 150
    const started = performance.now()
    const outcome = ask(claudeAt(server.url, { [timer]: limit }))
    const request = await server.request()
    void act(request)
    expect(failureOf(await outcome)).toMatchObject({ code, retryable: true })
    expect(failureOf(await outcome).message).toContain('0.15 s')
    expect(performance.now() - started).toBeGreaterThanOrEqual(limit - 2)
    await request.closed
  })

  test('providerConnect: an upstream that never finishes its TLS handshake is unreachable', async () => {
    const sockets: Socket[] = []
    const silent = createServer((socket) => sockets.push(socket.on('error', () => {})))
    await once(silent.listen(0, '127.0.0.1'), 'listening')
    const { port } = silent.address() as AddressInfo
    const outcome = await ask(claudeAt(`https://127.0.0.1:${port}`, { providerConnect: 100 }))
    expect(failureOf(outcome)).toMatchObject({
      code: 'PROVIDER_UNREACHABLE',
      retryable: true,
      message: 'Cannot reach Anthropic: no connection within 0.1 s',
    })
    for (const socket of sockets) socket.destroy()
    silent.close()
  })

  test('providerByteIdle: the body of an error counts too', async () => {
    const outcome = ask(claudeAt(server.url, { providerByteIdle: 100 }))
    const request = await server.request()
    await request.write('HTTP/1.1 529 Busy\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{')
    expect(failureOf(await outcome)).toMatchObject({ code: 'PROVIDER_STALLED', retryable: true })
    await request.closed
  })
})

describe('an upstream that is slow, but not too slow, is waited for', () => {
  test('a token now and then: each one starts its waits anew', async () => {
    const outcome = ask(claudeAt(server.url, { providerByteIdle: 1_000, providerContentIdle: 1_000 }))
    const request = await server.request()
    await request.write(streamHead + begun)
    for (let token = 0; token < 8; token += 1) {
      await passed(150)
      await request.write(textDelta('.'))
    }
    await request.write(messageDelta() + messageStop)
    expect(await outcome).toMatchObject({ text: 'so far........', finish: 'STOP', error: null })
  })

  test('a long time before the first word, as long as something comes', async () => {
    const outcome = ask(claudeAt(server.url, { providerFirstByte: 1_000, providerByteIdle: 1_000 }))
    const request = await server.request()
    await request.write(streamHead)
    for (let turn = 0; turn < 8; turn += 1) {
      await passed(150)
      await request.write(ping)
    }
    await request.write(answer('At last'))
    expect(await outcome).toMatchObject({ text: 'At last', finish: 'STOP' })
  })

  test('thinking is content', async () => {
    const outcome = ask(claudeAt(server.url, { providerFirstContent: 1_000, providerContentIdle: 1_000 }))
    const request = await server.request()
    await request.write(streamHead + messageStart() + thinkingStart())
    for (let turn = 0; turn < 8; turn += 1) {
      await passed(150)
      await request.write(thinkingDelta('hm '))
    }
    await request.write(blockStart(1, { type: 'text', text: 'Yes.' }) + messageDelta() + messageStop)
    expect(await outcome).toMatchObject({ reasoning: 'hm '.repeat(8), text: 'Yes.', finish: 'STOP' })
  })

  test('the time that a reader takes is not held against the upstream', async () => {
    const limits = { providerByteIdle: 500, providerContentIdle: 500 }
    const run = claudeAt(server.url, limits).stream(question(), new AbortController().signal)
    const arrived = arrivals<string>()
    const read = (async () => {
      for await (const event of run) {
        if (event.type !== 'text') continue
        await passed(600)
        arrived.add(event.text)
      }
    })()
    const request = await server.request()
    await request.write(streamHead + messageStart() + textStart())
    for (const text of ['a', 'b', 'c']) {
      await request.write(textDelta(text))
      expect(await arrived.next()).toBe(text)
    }
    await request.write(messageDelta() + messageStop)
    await read
  })

  test('a connection that was made in time lives on, also under TLS', async () => {
    await using secure = await startSecureServer()
    for (const url of [server.url, secure.url]) {
      const outcome = ask(claudeAt(url, { providerConnect: 500 }))
      if (url === server.url) {
        const request = await server.request()
        await passed(600)
        await request.write(streamHead + answer('fine'))
        request.end()
      }
      expect(await outcome).toMatchObject({ text: 'fine', error: null })
    }
  })
})

describe('an abort', () => {
  const stop = new Error('Stopped by a person')

  test('before the request makes none', async () => {
    const requests = server.requests.length
    const outcome = await ask(claudeAt(server.url), question(), AbortSignal.abort(stop))
    expect(outcome).toMatchObject({ events: [], error: stop })
    expect(server.requests.length).toBe(requests)
  })

  test.each([
    ['before the first byte', ''],
    ['before the first word', streamHead + messageStart()],
    ['in the middle', streamHead + begun],
  ])('%s closes the connection and throws its reason', async (_when, bytes) => {
    const abort = new AbortController()
    const outcome = ask(claudeAt(server.url), question(), abort.signal)
    const request = await server.request()
    if (bytes) await request.write(bytes)
    abort.abort(stop)
    await request.closed
    expect((await outcome).error).toBe(stop)
  })

  test('at the end changes nothing', async () => {
    const abort = new AbortController()
    const events: string[] = []
    const run = claudeAt(server.url).stream(question(), abort.signal)
    const read = (async () => {
      for await (const event of run) {
        events.push(event.type)
        if (event.type === 'finish') abort.abort(stop)
      }
    })()
    const request = await server.request()
    await request.write(streamHead + answer('done'))
    request.end()
    await read
    expect(events.at(-1)).toBe('finish')
  })

  test('leaves no listener on a signal that lives on', async () => {
    const abort = new AbortController()
    let listeners = 0
    const signal = abort.signal
    const add = signal.addEventListener.bind(signal)
    const remove = signal.removeEventListener.bind(signal)
    signal.addEventListener = (...args: Parameters<typeof add>) => {
      listeners += 1
      add(...args)
    }
    signal.removeEventListener = (...args: Parameters<typeof remove>) => {
      listeners -= 1
      remove(...args)
    }
    const outcome = ask(claudeAt(server.url), question(), signal)
    const request = await server.request()
    await request.write(streamHead + answer('done'))
    request.end()
    await outcome
    expect(listeners).toBe(0)
  })
})

test('a watchdog tells of its first failure only', () => {
  using watch = new Watchdog('Anthropic', patientTimers, new AbortController().signal)
  const [first, second] = [failure('first'), failure('second')]
  expect(watch.fail(first)).toBe(first)
  expect(watch.fail(second)).toBe(first)
  expect(watch.failure).toBe(first)
  expect(watch.signal.aborted).toBe(true)
})

function failure(message: string): ProviderError {
  return new ProviderError('INTERNAL', message)
}

/** An upstream under TLS, trusted as long as it lives, that takes a while to say that all is fine. */
async function startSecureServer(): Promise<AsyncDisposable & { url: string }> {
  const [key, cert] = ['key', 'cert'].map((name) =>
    readFileSync(new URL(`../../fixtures/localhost-${name}.pem`, import.meta.url)),
  )
  const secure = createSecureServer({ key, cert }, (_request, response) => {
    setTimeout(() => {
      response.setHeader('content-type', 'text/event-stream')
      response.end(answer('fine'))
    }, 600)
  })
  globalAgent.options.ca = cert
  await once(secure.listen(0, '127.0.0.1'), 'listening')
  return {
    url: `https://127.0.0.1:${(secure.address() as AddressInfo).port}`,
    [Symbol.asyncDispose]: async () => {
      delete globalAgent.options.ca
      secure.closeAllConnections()
      await once(secure.close(), 'close')
    },
  }
}
