import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createDemo } from '../../../src/server/llm/demo.ts'
import { createModels, type Models } from '../../../src/server/llm/models.ts'
import { errorBody, listedModel, modelPage } from '../../support/anthropic-frames.ts'
import { type ByteServer, response, startByteServer } from '../../support/byte-server.ts'
import { claudeAt } from '../../support/llm.ts'

let server: ByteServer
beforeAll(async () => {
  server = await startByteServer()
})
afterAll(() => server.close())

type Registry = AsyncDisposable & { models: Models; warnings: string[] }

/** Claude and the demo, with the listing under the control of the test. */
function registry(
  options: { defaultModel?: string; refreshInterval?: number; claude?: boolean } = {},
): Registry {
  const warnings: string[] = []
  const log = pino({ level: 'warn' }, { write: (line: string) => void warnings.push(line) })
  const demo = createDemo({ tokensPerSecond: 0 })
  const models = createModels({
    providers: options.claude === false ? [demo] : [claudeAt(server.url), demo],
    defaultModel: options.defaultModel ?? null,
    pauses: { failures: 5, pause: 60_000 },
    refreshInterval: options.refreshInterval ?? 60_000,
    log,
  })
  return { models, warnings, [Symbol.asyncDispose]: () => models.close() }
}

async function answerListing(...names: string[]): Promise<void> {
  const models = names.map((name, index) =>
    listedModel(name, { created_at: `2026-01-${String(28 - index).padStart(2, '0')}T00:00:00Z` }),
  )
  await (await server.request()).write(response(200, 'application/json', modelPage(models)))
}

async function refuseListing(status: number, type: string): Promise<void> {
  await (await server.request()).write(response(status, 'application/json', errorBody(type)))
}

const namesOf = (models: Models) => models.list().map(({ name }) => name)

describe('until a listing arrives', () => {
  test('the known models serve, the demo last, and nothing waits', async () => {
    await using held = registry()
    held.models.start()
    expect(held.models.defaultModel().name).toBe('claude-sonnet-5-5')
    expect(namesOf(held.models)).toContain('claude-opus-5-5')
    expect(namesOf(held.models).at(-1)).toBe('demo')
    await server.request()
  })

  test('a configured model that nobody knows is taken on trust', async () => {
    await using held = registry({ defaultModel: 'claude-next' })
    expect(held.models.defaultModel()).toMatchObject({
      provider: 'anthropic',
      name: 'claude-next',
      lifecycle: 'ACTIVE',
    })
    expect(held.models.find('anthropic:claude-next')).toBe(held.models.defaultModel())
    expect(held.warnings).toEqual([])
  })
})

describe('when the listing has arrived', () => {
  test('it is what there is', async () => {
    await using held = registry()
    held.models.start()
    await answerListing('claude-opus-9', 'claude-sonnet-9')
    await held.models.firstListings()
    expect(namesOf(held.models)).toEqual(['claude-sonnet-9', 'claude-opus-9', 'demo'])
    expect(held.models.defaultModel().name).toBe('claude-sonnet-9')
    expect(held.models.health('anthropic')).toMatchObject({ healthy: true, reason: null })
    expect(held.warnings).toEqual([])
  })

  test('a configured model that it holds is the default, under either name', async () => {
    for (const defaultModel of ['claude-opus-9', 'anthropic:claude-opus-9']) {
      await using held = registry({ defaultModel })
      held.models.start()
      await answerListing('claude-sonnet-9', 'claude-opus-9')
      await held.models.firstListings()
      expect(held.models.defaultModel().name).toBe('claude-opus-9')
      expect(held.warnings).toEqual([])
    }
  })

  test('a configured model that it lacks gives way, with one warning', async () => {
    await using held = registry({ defaultModel: 'claude-next' })
    held.models.start()
    await answerListing('claude-sonnet-9')
    await held.models.firstListings()
    expect(held.models.defaultModel().name).toBe('claude-sonnet-9')
    expect(held.models.find('claude-next')).toBeNull()
    expect(held.warnings).toHaveLength(1)
    expect(held.warnings[0]).toContain('"configured":"claude-next","instead":"anthropic:claude-sonnet-9"')
  })

  test('it is fetched again, and a failure then leaves what there was', async () => {
    await using held = registry({ refreshInterval: 10 })
    held.models.start()
    await answerListing('claude-sonnet-8')
    await answerListing('claude-sonnet-9')
    await refuseListing(529, 'overloaded_error')
    const next = await server.request()
    expect(namesOf(held.models)).toEqual(['claude-sonnet-9', 'demo'])
    expect(held.models.health('anthropic')).toMatchObject({ healthy: false })
    await next.write(response(200, 'application/json', modelPage([])))
    await server.request()
    expect(held.models.health('anthropic')).toMatchObject({ healthy: true, reason: null })
    expect(held.models.defaultModel().name).toBe('demo')
  })
})

describe('when the listing fails', () => {
  test('the known models serve on, and the health says why', async () => {
    await using held = registry()
    held.models.start()
    await refuseListing(401, 'authentication_error')
    await held.models.firstListings()
    expect(held.models.defaultModel().name).toBe('claude-sonnet-5-5')
    expect(held.models.health('anthropic')).toMatchObject({
      healthy: false,
      reason: 'Anthropic refused the API key: check ANTHROPIC_API_KEY',
    })
    expect(held.models.health('demo')).toMatchObject({ healthy: true, reason: null })
    expect(held.models.health('nobody')).toBeNull()
    expect(held.warnings).toHaveLength(1)
  })

  test('a configured model stays trusted: a gateway may list nothing', async () => {
    await using held = registry({ defaultModel: 'my-claude' })
    held.models.start()
    await refuseListing(404, 'not_found_error')
    await held.models.firstListings()
    expect(held.models.defaultModel().name).toBe('my-claude')
  })

  test('a failure that lasts is told once', async () => {
    await using held = registry({ refreshInterval: 5 })
    held.models.start()
    for (let turn = 0; turn < 4; turn += 1) await refuseListing(401, 'authentication_error')
    await server.request()
    expect(held.warnings).toHaveLength(1)
  })
})

describe('without a key', () => {
  test('the demo answers', async () => {
    await using held = registry({ claude: false })
    held.models.start()
    await held.models.firstListings()
    expect(held.models.defaultModel()).toMatchObject({ provider: 'demo', name: 'demo' })
    expect(held.models.providers()).toEqual(['demo'])
    expect(held.warnings).toEqual([])
  })

  test('a configured model that needs one gives way, with a warning', async () => {
    await using held = registry({ claude: false, defaultModel: 'claude-sonnet-5-5' })
    expect(held.models.defaultModel().name).toBe('demo')
    held.models.start()
    await held.models.firstListings()
    expect(held.warnings).toHaveLength(1)
  })
})

test('a model is found by its exact name only, and leads to its provider', async () => {
  await using held = registry()
  const found = held.models.find('claude-haiku-5-5')
  expect(found).toMatchObject({ provider: 'anthropic', name: 'claude-haiku-5-5' })
  expect(found && held.models.providerOf(found).name).toBe('anthropic')
  for (const name of ['claude-haiku', 'Claude-Haiku-5-5', 'demo:claude-haiku-5-5', '']) {
    expect(held.models.find(name)).toBeNull()
  }
})

test('closing ends a listing that is under way', async () => {
  const held = registry()
  held.models.start()
  const request = await server.request()
  await held.models.close()
  await request.closed
  expect(held.warnings).toEqual([])
})
