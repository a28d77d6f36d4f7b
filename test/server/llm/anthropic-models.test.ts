import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { isAvailable, ProviderError } from '../../../src/server/llm/provider.ts'
import { errorBody, type ListedModel, listedModel, modelPage } from '../../support/anthropic-frames.ts'
import { type ByteServer, response, startByteServer } from '../../support/byte-server.ts'
import { claudeAt, testKey } from '../../support/llm.ts'

let server: ByteServer
beforeAll(async () => {
  server = await startByteServer()
})
afterAll(() => server.close())

function list(signal = new AbortController().signal) {
  return claudeAt(server.url).listModels(signal)
}

async function listed(...pages: string[]) {
  const models = list()
  for (const page of pages) await (await server.request()).write(response(200, 'application/json', page))
  return models
}

describe("Anthropic's list of models", () => {
  test('is asked for with the key, retired models too', async () => {
    const models = list()
    const request = await server.request()
    await request.write(response(200, 'application/json', modelPage([])))
    expect(await models).toEqual([])
    expect(request.headers['authorization']).toBe(`Bearer ${testKey}`)
    const query = new URL(request.path, server.url).searchParams
    expect(query.getAll('lifecycle[]')).toEqual(['active', 'deprecated', 'retired'])
  })

  test('is read to its last page', async () => {
    const models = list()
    const first = await server.request()
    await first.write(response(200, 'application/json', modelPage([listedModel('claude-a')], true)))
    const second = await server.request()
    expect(second.path).toContain('after_id=claude-a')
    await second.write(response(200, 'application/json', modelPage([listedModel('claude-b')])))
    expect((await models).map(({ name }) => name)).toEqual(['claude-a', 'claude-b'])
  })

  test('says what a model is and takes', async () => {
    const details = { display_name: 'Claude Sonnet 5.5', created_at: '2026-10-06T00:00:00Z' }
    expect(await listed(modelPage([listedModel('claude-sonnet-5-5', details)]))).toEqual([
      {
        provider: 'anthropic',
        name: 'claude-sonnet-5-5',
        displayName: 'Claude Sonnet 5.5',
        contextWindow: 1_000_000,
        maxOutputTokens: 128_000,
        capabilities: ['TOOLS', 'VISION', 'REASONING', 'JSON_MODE'],
        parameters: new Set(['maxOutputTokens', 'stop', 'effort']),
        lifecycle: 'ACTIVE',
        retiresAt: null,
        prices: null,
        createdAt: new Date('2026-10-06T00:00:00Z'),
      },
    ])
  })

  test('of a gateway may leave out all but the name', async () => {
    expect(await listed(JSON.stringify({ data: [{ id: 'my-claude' }] }))).toMatchObject([
      {
        name: 'my-claude',
        displayName: 'my-claude',
        contextWindow: null,
        lifecycle: 'ACTIVE',
        createdAt: null,
      },
    ])
  })

  test('does not offer effort for a model that lacks one of its levels', async () => {
    const yes = { supported: true }
    const effort = {
      supported: true,
      low: yes,
      medium: yes,
      high: yes,
      xhigh: null,
      max: { supported: false },
    }
    const [model] = await listed(modelPage([listedModel('claude-opus-4-5', { capabilities: { effort } })]))
    expect(model?.parameters).toEqual(new Set(['maxOutputTokens', 'stop']))
  })
})

async function namesOf(...models: ListedModel[]): Promise<string[]> {
  return (await listed(modelPage(models))).map(({ name }) => name)
}

describe('the order of the models', () => {
  test('puts the newest active Sonnet first, and then the newest', async () => {
    expect(
      await namesOf(
        listedModel('claude-opus-6', { created_at: '2027-01-01T00:00:00Z' }),
        listedModel('claude-sonnet-5', { created_at: '2026-06-01T00:00:00Z' }),
        listedModel('claude-sonnet-6', { created_at: '2026-12-01T00:00:00Z' }),
        listedModel('claude-sonnet-7', { created_at: '2027-06-01T00:00:00Z', lifecycle: 'deprecated' }),
      ),
    ).toEqual(['claude-sonnet-6', 'claude-sonnet-7', 'claude-opus-6', 'claude-sonnet-5'])
  })

  test('puts the newest active model first where no Sonnet is active', async () => {
    expect(
      await namesOf(
        listedModel('claude-opus-5', { created_at: '2026-01-01T00:00:00Z' }),
        listedModel('claude-sonnet-5', { created_at: '2027-06-01T00:00:00Z', lifecycle: 'retired' }),
        listedModel('claude-haiku-5', { created_at: '2026-03-01T00:00:00Z' }),
      ),
    ).toEqual(['claude-haiku-5', 'claude-sonnet-5', 'claude-opus-5'])
  })

  test('marks a model whose end is announced, and one that is gone', async () => {
    const models = await listed(
      modelPage([
        listedModel('claude-3', { lifecycle: 'deprecated', retires_at: '2027-01-01T00:00:00Z' }),
        listedModel('claude-2', { lifecycle: 'retired' }),
      ]),
    )
    expect(models).toMatchObject([
      { name: 'claude-3', lifecycle: 'DEPRECATED', retiresAt: new Date('2027-01-01T00:00:00Z') },
      { name: 'claude-2', lifecycle: 'RETIRED' },
    ])
    expect(models.map(isAvailable)).toEqual([true, false])
  })
})

describe('a list that does not come', () => {
  test.each([
    [401, 'authentication_error', 'PROVIDER_AUTH'],
    [529, 'overloaded_error', 'PROVIDER_OVERLOADED'],
  ])('because of %i', async (status, type, code) => {
    const models = list()
    await (await server.request()).write(response(status, 'application/json', errorBody(type)))
    await expect(models).rejects.toThrow(ProviderError)
    await expect(models).rejects.toMatchObject({ code })
  })

  test('because it is a page', async () => {
    const models = list()
    await (await server.request()).write(response(200, 'text/html', '<h1>Hi</h1>'))
    await expect(models).rejects.toMatchObject({ code: 'PROVIDER_BAD_RESPONSE' })
  })

  test('because it is not a list', async () => {
    const models = list()
    await (await server.request()).write(response(200, 'application/json', '{"data": 7}'))
    await expect(models).rejects.toThrow(ProviderError)
  })

  test('because nobody wants it any more', async () => {
    const abort = new AbortController()
    const models = list(abort.signal)
    const request = await server.request()
    const stop = new Error('Closing')
    abort.abort(stop)
    await expect(models).rejects.toBe(stop)
    await request.closed
  })
})

test('the known models serve until then: a Sonnet first, and nothing said of them that may have changed', () => {
  const { knownModels } = claudeAt(server.url)
  expect(knownModels[0]).toMatchObject({ name: 'claude-sonnet-5-5', displayName: 'Claude Sonnet 5.5' })
  expect(knownModels.every((model) => isAvailable(model) && model.contextWindow === null)).toBe(true)
})
