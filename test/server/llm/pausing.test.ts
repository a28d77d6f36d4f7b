import { once } from 'node:events'
import { describe, expect, test } from 'vitest'
import { PausingProvider } from '../../../src/server/llm/pausing.ts'
import {
  type ChatProvider,
  type FailureCode,
  ProviderError,
  type ProviderEvent,
} from '../../../src/server/llm/provider.ts'
import { eventually } from '../../support/eventually.ts'
import { ask, failureOf, question } from '../../support/llm.ts'

const finish: ProviderEvent = { type: 'finish', reason: 'STOP' }

/** A provider that fails as it is told, once for each failure, and then answers. */
function failing(...failures: (ProviderError | 'hang')[]): ChatProvider & { asked: number } {
  return {
    name: 'fragile',
    displayName: 'Fragile',
    knownModels: [],
    asked: 0,
    listModels: async () => [],
    async *stream(_request, signal) {
      this.asked += 1
      const failure = failures.shift()
      yield { type: 'start', requestId: null }
      if (failure === 'hang') await aborted(signal)
      if (failure) throw failure
      yield finish
    },
  }
}

async function aborted(signal: AbortSignal): Promise<never> {
  if (!signal.aborted) await once(signal, 'abort')
  throw signal.reason
}

const failureWith = (code: FailureCode, retryAt: Date | null = null) =>
  new ProviderError(code, `It said ${code}`, { retryable: true, retryAt })
const overloaded = () => failureWith('PROVIDER_OVERLOADED')
const brief = { failures: 2, pause: 1 }
const long = { failures: 2, pause: 600_000 }

describe('a provider that fails several times in a row', () => {
  test('is not asked for a while, and whoever asks learns why and until when', async () => {
    const fragile = failing(overloaded(), overloaded())
    const provider = new PausingProvider(fragile, long)
    await ask(provider)
    expect(provider.outage).toBeNull()
    await ask(provider)
    const failure = failureOf(await ask(provider))
    expect(failure).toMatchObject({
      code: 'PROVIDER_OVERLOADED',
      retryable: true,
      message: 'Fragile is not asked for a while: It said PROVIDER_OVERLOADED',
      retryAt: provider.outage?.until,
    })
    expect(fragile.asked).toBe(2)
  })

  test('is asked once more afterwards, and by all when that is answered', async () => {
    const fragile = failing(overloaded(), overloaded())
    const provider = new PausingProvider(fragile, brief)
    await ask(provider)
    await ask(provider)
    await eventually(async () => expect((await ask(provider)).finish).toBe('STOP'))
    expect(provider.outage).toBeNull()
    expect((await ask(provider)).finish).toBe('STOP')
  })

  test('is left alone again when that one fails, while nobody else has asked', async () => {
    const fragile = failing(overloaded(), overloaded(), 'hang')
    const provider = new PausingProvider(fragile, brief)
    await ask(provider)
    await ask(provider)
    const abort = new AbortController()
    await eventually(() => expect(Date.now()).toBeGreaterThan(provider.outage!.until.getTime()))
    const probe = ask(provider, question(), abort.signal)
    expect(failureOf(await ask(provider)).message).toContain('is not asked for a while')
    abort.abort()
    await probe
    expect(fragile.asked).toBe(3)
    await eventually(async () => expect((await ask(provider)).finish).toBe('STOP'))
  })

  test('an answer in between, a request that is at fault and a caller who leaves do not count', async () => {
    const fragile = failing(
      overloaded(),
      failureWith('CONTEXT_TOO_LONG'),
      failureWith('PROVIDER_AUTH'),
      'hang',
    )
    const provider = new PausingProvider(fragile, long)
    await ask(provider)
    await ask(provider)
    await ask(provider)
    const abort = new AbortController()
    const left = ask(provider, question(), abort.signal)
    abort.abort()
    await left
    expect((await ask(provider)).finish).toBe('STOP')
    expect(provider.outage).toBeNull()
  })
})

describe('a rate limit', () => {
  test('is waited for by all who ask that model, and by nobody else', async () => {
    const retryAt = new Date(Date.now() + 600_000)
    const fragile = failing(failureWith('PROVIDER_RATE_LIMITED', retryAt))
    const provider = new PausingProvider(fragile, long)
    await ask(provider)
    expect(failureOf(await ask(provider))).toMatchObject({ code: 'PROVIDER_RATE_LIMITED', retryAt })
    expect(fragile.asked).toBe(1)
    expect((await ask(provider, question('Hi', { model: 'another' }))).finish).toBe('STOP')
    expect(provider.outage).toBeNull()
  })

  test('that is over is forgotten', async () => {
    const fragile = failing(failureWith('PROVIDER_RATE_LIMITED', new Date(Date.now() - 1)))
    const provider = new PausingProvider(fragile, long)
    await ask(provider)
    expect((await ask(provider)).finish).toBe('STOP')
  })

  test('without a time says nothing of the next request', async () => {
    const provider = new PausingProvider(failing(failureWith('PROVIDER_RATE_LIMITED')), long)
    await ask(provider)
    expect((await ask(provider)).finish).toBe('STOP')
  })
})
