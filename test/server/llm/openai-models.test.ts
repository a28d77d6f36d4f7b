import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Vendor, vendors } from '../../../src/server/llm/openai-vendors.ts'
import { isAvailable, type ModelInfo, ProviderError } from '../../../src/server/llm/provider.ts'
import { startAimock } from '../../support/aimock.ts'
import { type ByteServer, response, startByteServer } from '../../support/byte-server.ts'
import { testKey } from '../../support/llm.ts'
import { listedModel, modelList } from '../../support/openai-frames.ts'
import { openai, vendorAt } from '../../support/wires.ts'

let server: ByteServer
beforeAll(async () => {
  server = await startByteServer()
})
afterAll(() => server.close())

/** What comes of asking for the list of models when the answer is `body`. */
async function listedBy(vendor: Vendor, body: string, status = 200, type = 'application/json') {
  const models = vendorAt(vendor, server.url).listModels(new AbortController().signal)
  await (await server.request()).write(response(status, type, body))
  return models
}

async function only(vendor: Vendor, model: Readonly<Record<string, unknown>>): Promise<ModelInfo> {
  const [first, ...others] = await listedBy(vendor, modelList(model))
  expect(others).toEqual([])
  if (!first) throw new Error('The model is not offered')
  return first
}

async function namesBy(vendor: Vendor, ...models: Readonly<Record<string, unknown>>[]): Promise<string[]> {
  return (await listedBy(vendor, modelList(...models))).map(({ name }) => name)
}

describe.each(Object.values(vendors))('the list of models of $label', (vendor) => {
  test('is asked for with the key', async () => {
    const models = vendorAt(vendor, server.url).listModels(new AbortController().signal)
    const request = await server.request()
    await request.write(response(200, 'application/json', modelList()))
    expect(await models).toEqual([])
    expect(request).toMatchObject({ method: 'GET', path: '/v1/models' })
    expect(request.headers['authorization']).toBe(`Bearer ${testKey}`)
    const told = Object.keys(request.headers).filter((name) => name.startsWith('x-stainless'))
    expect(told).toEqual([])
  })

  test('may leave out all but the id', async () => {
    expect(await only(vendor, { id: 'gpt-4o' })).toMatchObject({
      provider: vendor.name,
      name: 'gpt-4o',
      displayName: 'gpt-4o',
      contextWindow: null,
      maxOutputTokens: null,
      capabilities: [],
      parameters: new Set(['temperature', 'topP', 'maxOutputTokens', 'stop']),
      lifecycle: 'ACTIVE',
      retiresAt: null,
      prices: null,
      createdAt: null,
    })
  })

  test('may hold what is no model', async () => {
    const strange = [null, {}, { id: null }, { id: '' }, 7, 'gpt-4'] as never[]
    expect(await namesBy(vendor, ...strange, { id: 'gpt-4o' })).toEqual(['gpt-4o'])
  })

  test('may hold figures and dates that are none', async () => {
    const strange = { created: 'x', context_length: 1e300, max_model_len: '9', shutdown_date: 'soon' }
    expect(await only(vendor, { id: 'gpt-4o', ...strange })).toMatchObject({
      contextWindow: null,
      lifecycle: 'ACTIVE',
      createdAt: null,
    })
  })

  test('may hold nulls', async () => {
    const names = [
      'created',
      'shutdown_date',
      'expiration_date',
      'pricing',
      'name',
      'context_length',
      'top_provider',
      'architecture',
      'supported_parameters',
      'max_model_len',
      'meta',
    ]
    const nothing = Object.fromEntries(names.map((name) => [name, null]))
    expect(await only(vendor, { ...nothing, id: 'gpt-4o' })).toMatchObject({ name: 'gpt-4o', prices: null })
  })
})

describe('OpenAI', () => {
  test('says when a model began, and when it ends', async () => {
    const [old, gone] = await listedBy(
      vendors.openai,
      modelList(
        listedModel('gpt-4o', { created: 1_715_367_049, shutdown_date: '2099-02-01' }),
        listedModel('gpt-3.5-turbo', { created: 1_677_610_602, shutdown_date: '2020-01-01' }),
      ),
    )
    expect(old).toMatchObject({
      lifecycle: 'DEPRECATED',
      retiresAt: new Date('2099-02-01T00:00:00Z'),
      createdAt: new Date(1_715_367_049_000),
    })
    expect(gone).toMatchObject({ lifecycle: 'RETIRED' })
    expect([old, gone].map((model) => model && isAvailable(model))).toEqual([true, false])
  })

  test('makes more than models that write: those are not offered', async () => {
    const others = [
      'text-embedding-3-large',
      'whisper-1',
      'tts-1',
      'gpt-4o-audio-preview',
      'gpt-4o-realtime-preview',
      'gpt-image-1',
      'gpt-4o-mini-tts',
      'gpt-4o-transcribe',
      'gpt-3.5-turbo-instruct',
      'dall-e-3',
      'omni-moderation-latest',
    ]
    const writers = ['gpt-6', 'o9', 'chatgpt-4o-latest', 'ft:gpt-4o:acme::1']
    const models = [...others, ...writers].map((id) => listedModel(id))
    expect(await namesBy(vendors.openai, ...models)).toEqual(writers)
  })

  test('lists the newest first', async () => {
    const models = [listedModel('gpt-4', { created: 1 }), listedModel('gpt-6', { created: 3 })]
    expect(await namesBy(vendors.openai, ...models, listedModel('gpt-5', { created: 2 }))).toEqual([
      'gpt-6',
      'gpt-5',
      'gpt-4',
    ])
  })

  test.each(['o3', 'o4-mini', 'gpt-5', 'gpt-5.1-mini', 'gpt-12'])(
    '%s thinks: it takes no sampling',
    async (id) => {
      const { parameters } = await only(vendors.openai, listedModel(id))
      expect(parameters).toEqual(new Set(['maxOutputTokens', 'effort']))
    },
  )

  test.each(['gpt-4o', 'gpt-4.1', 'gpt-3.5-turbo', 'chatgpt-4o-latest'])('%s does not', async (id) => {
    const { parameters } = await only(vendors.openai, listedModel(id))
    expect(parameters).toEqual(new Set(['temperature', 'topP', 'maxOutputTokens', 'stop']))
  })
})

const maverick = {
  id: 'meta-llama/llama-4-maverick:free',
  canonical_slug: 'meta-llama/llama-4-maverick-17b-128e-instruct',
  name: 'Meta: Llama 4 Maverick (free)',
  created: 1_743_881_822,
  context_length: 128_000,
  architecture: {
    modality: 'text+image->text',
    input_modalities: ['text', 'image'],
    output_modalities: ['text'],
  },
  pricing: { prompt: '0.00000015', completion: '0.0000006', request: '0', input_cache_read: '0.00000003' },
  top_provider: { context_length: 128_000, max_completion_tokens: 4_028, is_moderated: true },
  per_request_limits: null,
  supported_parameters: ['max_tokens', 'temperature', 'top_p', 'tools', 'structured_outputs', 'reasoning'],
}

describe('OpenRouter', () => {
  test('says what a model is, takes and costs', async () => {
    expect(await only(vendors.openrouter, maverick)).toEqual({
      provider: 'openrouter',
      name: 'meta-llama/llama-4-maverick:free',
      displayName: 'Meta: Llama 4 Maverick (free)',
      contextWindow: 128_000,
      maxOutputTokens: 4_028,
      capabilities: ['VISION', 'TOOLS', 'REASONING', 'JSON_MODE'],
      parameters: new Set(['temperature', 'topP', 'maxOutputTokens', 'effort']),
      lifecycle: 'ACTIVE',
      retiresAt: null,
      prices: { input: '0.15', output: '0.6', cacheRead: '0.03', cacheWrite: null },
      createdAt: new Date(1_743_881_822_000),
    })
  })

  test('offers only what writes', async () => {
    const painter = { id: 'acme/painter', architecture: { output_modalities: ['image'] } }
    expect(await namesBy(vendors.openrouter, painter, maverick)).toEqual([maverick.id])
  })

  test('puts its free models first, however old they are', async () => {
    const models = [
      { id: 'acme/newest', created: 9 },
      { id: 'openrouter/free', created: 1 },
    ]
    expect(await namesBy(vendors.openrouter, ...models)).toEqual(['openrouter/free', 'acme/newest'])
    expect(await namesBy(vendors.openrouter, ...models, { ...maverick, created: 0 })).toEqual([
      maverick.id,
      'openrouter/free',
      'acme/newest',
    ])
  })

  test('has no price for what it chooses itself', async () => {
    const auto = { id: 'openrouter/auto', pricing: { prompt: '-1', completion: '-1' } }
    expect((await only(vendors.openrouter, auto)).prices).toMatchObject({ input: null, output: null })
  })

  test('says when a model ends', async () => {
    const { lifecycle, retiresAt } = await only(vendors.openrouter, {
      ...maverick,
      expiration_date: '2099-12-31',
    })
    expect({ lifecycle, retiresAt }).toEqual({ lifecycle: 'DEPRECATED', retiresAt: new Date('2099-12-31') })
  })
})

describe('servers of our own', () => {
  test.each([
    ['vLLM', { max_model_len: 8_192 }, 8_192],
    ['llama.cpp', { meta: { n_ctx: 4_096, n_ctx_train: 131_072 } }, 4_096],
    ['an older llama.cpp', { meta: { n_ctx_train: 131_072 } }, 131_072],
    ['nobody', { meta: { n_ctx: 0 }, context_length: -1 }, null],
  ])('say how much a model holds: %s', async (_who, changes, window) => {
    expect((await only(vendors.ollama, listedModel('llama3', changes))).contextWindow).toBe(window)
  })

  test('do not offer makers of vectors', async () => {
    const models = ['nomic-embed-text:latest', 'bge-m3', 'all-minilm', 'llama3:latest'].map((id) =>
      listedModel(id),
    )
    expect(await namesBy(vendors.ollama, ...models)).toEqual(['llama3:latest'])
  })
})

test('DeepSeek lists the model that everybody knows first, and the one that thinks without sampling', async () => {
  const models = await listedBy(
    vendors.deepseek,
    modelList(listedModel('deepseek-reasoner', { created: 9 }), listedModel('deepseek-chat', { created: 1 })),
  )
  expect(models.map(({ name }) => name)).toEqual(['deepseek-chat', 'deepseek-reasoner'])
  expect(models[1]?.parameters).toEqual(new Set(['maxOutputTokens', 'stop']))
})

describe('a list that does not come', () => {
  test.each([
    ['its key is refused', openai.error('auth').body, 401, 'application/json', 'PROVIDER_AUTH'],
    ['it is overloaded', openai.error('overloaded').body, 503, 'application/json', 'PROVIDER_OVERLOADED'],
    ['it is a page', '<h1>Hi</h1>', 200, 'text/html', 'PROVIDER_BAD_RESPONSE'],
    ['it is cut', '{"data": [{"id": "gp', 200, 'application/json', 'PROVIDER_BAD_RESPONSE'],
  ])('because %s', async (_why, body, status, type, code) => {
    const models = listedBy(vendors.openai, body, status, type)
    await expect(models).rejects.toThrow(ProviderError)
    await expect(models).rejects.toMatchObject({ code })
  })

  test('because it is not a list', async () => {
    await expect(listedBy(vendors.openai, '{"data": 7}')).rejects.toThrow(ProviderError)
  })

  test('because nobody wants it any more', async () => {
    const abort = new AbortController()
    const models = openai.at(server.url).listModels(abort.signal)
    const request = await server.request()
    const stop = new Error('Closing')
    abort.abort(stop)
    await expect(models).rejects.toBe(stop)
    await request.closed
  })
})

test('the wire as another implementation speaks it', async () => {
  await using mock = await startAimock()
  mock.on({ model: 'acme/model' }, { content: 'x' })
  const signal = new AbortController().signal
  const [model] = await vendorAt(vendors.openrouter, `${mock.url}/api`).listModels(signal)
  expect(model).toMatchObject({ name: 'acme/model', contextWindow: 128_000, maxOutputTokens: 16_384 })
})
