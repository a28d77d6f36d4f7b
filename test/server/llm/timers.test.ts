import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer as createSecureServer, globalAgent } from 'node:https'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ProviderError } from '../../../src/server/llm/provider.ts'
import { type ProviderTimers, Watchdog } from '../../../src/server/llm/watchdog.ts'
import {
  arrivals,
  type ByteRequest,
  type ByteServer,
  startByteServer,
  streamHead,
} from '../../support/byte-server.ts'
import { ask, failureOf, patientTimers } from '../../support/llm.ts'
import { anthropic, type Wire, wires } from '../../support/wires.ts'

let server: ByteServer
beforeAll(async () => {
  server = await startByteServer()
})
afterAll(() => server.close())

/** Sends what says nothing until the client is gone: bytes that keep the connection busy. */
async function keepPinging(wire: Wire, request: ByteRequest): Promise<void> {
  while (!request.isClosed) {
    await request.write(wire.ping)
    await passed(5)
  }
}

/** The pace of an upstream, not a wait for something to happen. */
function passed(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

describe.each(wires)('each wait for $label has its own end', (wire) => {
  const begun = wire.begin() + wire.text('so far')
  const cases: [keyof ProviderTimers, string, string, (request: ByteRequest) => unknown][] = [
    [
      'providerFirstByte',
      'PROVIDER_TIMEOUT',
      '[case 36] an upstream that accepts and stays silent',
      () => {},
    ],
    [
      'providerFirstContent',
      'PROVIDER_TIMEOUT',
      'an upstream that pings, and does not begin',
      async (request) => {
        await request.write(streamHead + wire.begin())
        await keepPinging(wire, request)
      },
    ],
    [
      'providerByteIdle',
      'PROVIDER_STALLED',
      '[case 41] an upstream that stalls',
      (request) => request.write(streamHead + begun),
    ],
    [
      'providerContentIdle',
      'PROVIDER_STALLED',
      '[case 42] an upstream that stalls, and pings',
      async (request) => {
        await request.write(streamHead + begun)
        await keepPinging(wire, request)
      },
    ],
    [
      'providerTotal',
      'PROVIDER_TIMEOUT',
      'an upstream that never comes to an end',
      async (request) => {
        await request.write(streamHead + begun)
        while (!request.isClosed) {
          await request.write(wire.text('and on '))
          await passed(5)
        }
      },
    ],
  ]

  test.each(cases)('%s: %s after %s', async (timer, code, _name, act) => {
    const limit = 150
    const started = performance.now()
    const outcome = ask(wire.at(server.url, { [timer]: limit }), wire.question())
    const request = await server.request()
    void act(request)
    expect(failureOf(await outcome)).toMatchObject({ code, retryable: true })
    expect(failureOf(await outcome).message).toContain('0.15 s')
    expect(performance.now() - started).toBeGreaterThanOrEqual(limit - 2)
    await request.closed
  })

  test('[case 36] providerConnect: one that never finishes its TLS handshake is unreachable', async () => {
    const sockets: Socket[] = []
    const silent = createServer((socket) => sockets.push(socket.on('error', () => {})))
    await once(silent.listen(0, '127.0.0.1'), 'listening')
    const { port } = silent.address() as AddressInfo
    const provider = wire.at(`https://127.0.0.1:${port}`, { providerConnect: 100 })
    expect(failureOf(await ask(provider, wire.question()))).toMatchObject({
      code: 'PROVIDER_UNREACHABLE',
      retryable: true,
      message: `Cannot reach ${wire.label}: no connection within 0.1 s`,
    })
    for (const socket of sockets) socket.destroy()
    silent.close()
  })

  test('providerByteIdle: the body of an error counts too', async () => {
    const outcome = ask(wire.at(server.url, { providerByteIdle: 100 }), wire.question())
    const request = await server.request()
    await request.write('HTTP/1.1 529 Busy\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{')
    expect(failureOf(await outcome)).toMatchObject({ code: 'PROVIDER_STALLED', retryable: true })
    await request.closed
  })
})

/** The same for every API, side by side: these take their time. */
async function forEachWire(act: (wire: Wire, server: ByteServer) => Promise<void>): Promise<void> {
  await Promise.all(
    wires.map(async (wire) => {
      await using its = await startByteServer()
      await act(wire, its)
    }),
  )
}

describe('an upstream that is slow, but not too slow, is waited for', () => {
  test('[case 45] a token now and then: each one starts its waits anew', async () => {
    await forEachWire(async (wire, its) => {
      const limits = { providerByteIdle: 1_000, providerContentIdle: 1_000 }
      const outcome = ask(wire.at(its.url, limits), wire.question())
      const request = await its.request()
      await request.write(streamHead + wire.begin() + wire.text('so far'))
      for (let token = 0; token < 8; token += 1) {
        await passed(150)
        await request.write(wire.text('.'))
      }
      await request.write(wire.finish())
      const whole = { text: 'so far........', finish: 'STOP', error: null }
      expect(await outcome, wire.label).toMatchObject(whole)
    })
  })

  test('[case 46] a long time before the first word, as long as something comes', async () => {
    await forEachWire(async (wire, its) => {
      const limits = { providerFirstByte: 1_000, providerByteIdle: 1_000 }
      const outcome = ask(wire.at(its.url, limits), wire.question())
      const request = await its.request()
      await request.write(streamHead)
      for (let turn = 0; turn < 8; turn += 1) {
        await passed(150)
        await request.write(wire.ping)
      }
      await request.write(wire.answer('At last'))
      expect(await outcome, wire.label).toMatchObject({ text: 'At last', finish: 'STOP' })
    })
  })

  test('thinking is content', async () => {
    await forEachWire(async (wire, its) => {
      const limits = { providerFirstContent: 1_000, providerContentIdle: 1_000 }
      const outcome = ask(wire.at(its.url, limits), wire.question())
      const request = await its.request()
      await request.write(streamHead + wire.begin('reasoning'))
      for (let turn = 0; turn < 8; turn += 1) {
        await passed(150)
        await request.write(wire.reasoning('hm '))
      }
      await request.write(wire.finish())
      expect(await outcome, wire.label).toMatchObject({ reasoning: 'hm '.repeat(8), finish: 'STOP' })
    })
  })

  test('the time that a reader takes is not held against the upstream', async () => {
    await forEachWire(async (wire, its) => {
      const limits = { providerByteIdle: 500, providerContentIdle: 500 }
      const run = wire.at(its.url, limits).stream(wire.question(), new AbortController().signal)
      const arrived = arrivals<string>()
      const read = (async () => {
        for await (const event of run) {
          if (event.type !== 'text') continue
          await passed(600)
          arrived.add(event.text)
        }
      })()
      const request = await its.request()
      await request.write(streamHead + wire.begin())
      for (const text of ['a', 'b', 'c']) {
        await request.write(wire.text(text))
        expect(await arrived.next(), wire.label).toBe(text)
      }
      await request.write(wire.finish())
      await read
    })
  })

  test('a connection that was made in time lives on, also under TLS', async () => {
    await using secure = await startSecureServer(anthropic.answer('fine'))
    for (const url of [server.url, secure.url]) {
      const outcome = ask(anthropic.at(url, { providerConnect: 500 }), anthropic.question())
      if (url === server.url) {
        const request = await server.request()
        await passed(600)
        await request.write(streamHead + anthropic.answer('fine'))
        request.end()
      }
      expect(await outcome).toMatchObject({ text: 'fine', error: null })
    }
  })
})

describe.each(wires)('an abort of a question to $label', (wire) => {
  const stop = new Error('Stopped by a person')

  test('before the request makes none', async () => {
    const requests = server.requests.length
    const outcome = await ask(wire.at(server.url), wire.question(), AbortSignal.abort(stop))
    expect(outcome).toMatchObject({ events: [], error: stop })
    expect(server.requests.length).toBe(requests)
  })

  test.each([
    ['before the first byte', ''],
    ['before the first word', streamHead + wire.begin()],
    ['in the middle', streamHead + wire.begin() + wire.text('so far')],
  ])('[case 47] %s closes the connection and throws its reason', async (_when, bytes) => {
    const abort = new AbortController()
    const outcome = ask(wire.at(server.url), wire.question(), abort.signal)
    const request = await server.request()
    if (bytes) await request.write(bytes)
    abort.abort(stop)
    await request.closed
    expect((await outcome).error).toBe(stop)
  })

  test('[case 47] at the end changes nothing', async () => {
    const abort = new AbortController()
    const events: string[] = []
    const run = wire.at(server.url).stream(wire.question(), abort.signal)
    const read = (async () => {
      for await (const event of run) {
        events.push(event.type)
        if (event.type === 'finish') abort.abort(stop)
      }
    })()
    const request = await server.request()
    await request.write(streamHead + wire.answer('done'))
    request.end()
    await read
    expect(events.at(-1)).toBe('finish')
  })

  test('leaves no listener on a signal that lives on', async () => {
    const abort = new AbortController()
    const count = countListeners(abort.signal)
    const outcome = ask(wire.at(server.url), wire.question(), abort.signal)
    const request = await server.request()
    await request.write(streamHead + wire.answer('done'))
    request.end()
    await outcome
    expect(count()).toBe(0)
  })
})

/** How many listeners a signal has, of those that come from now on. */
function countListeners(signal: AbortSignal): () => number {
  let listeners = 0
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
  return () => listeners
}

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

/** An upstream under TLS, trusted as long as it lives, that takes a while to answer. */
async function startSecureServer(answer: string): Promise<AsyncDisposable & { url: string }> {
  const [key, cert] = ['key', 'cert'].map((name) =>
    readFileSync(new URL(`../../fixtures/localhost-${name}.pem`, import.meta.url)),
  )
  const secure = createSecureServer({ key, cert }, (_request, response) => {
    setTimeout(() => {
      response.setHeader('content-type', 'text/event-stream')
      response.end(answer)
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
