import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type ModelInfo, ProviderError } from '../../../src/server/llm/provider.ts'
import { type ByteServer, response, startByteServer } from '../../support/byte-server.ts'
import { listedModel, modelPage } from '../../support/gemini-frames.ts'
import { testKey } from '../../support/llm.ts'
import { gemini } from '../../support/wires.ts'

let server: ByteServer
beforeAll(async () => {
  server = await startByteServer()
})
afterAll(() => server.close())

function list(signal = new AbortController().signal): Promise<readonly ModelInfo[]> {
  return gemini.at(server.url).listModels(signal)
}

async function listed(...pages: string[]): Promise<readonly ModelInfo[]> {
  const models = list()
  for (const page of pages) await (await server.request()).write(response(200, 'application/json', page))
  return models
}

describe("Gemini's list of models", () => {
  test('is asked for with the key', async () => {
    const models = list()
    const request = await server.request()
    await request.write(response(200, 'application/json; charset=UTF-8', '{}'))
    expect(await models).toEqual([])
    expect(request).toMatchObject({ method: 'GET', path: '/v1beta/models?pageSize=1000' })
    expect(request.headers['x-goog-api-key']).toBe(testKey)
  })

  test('is read to its last page, also where one is empty', async () => {
    const models = list()
    const pages: [expected: string | null, page: string][] = [
      [null, modelPage([listedModel('gemini-a')], 'token-1')],
      ['token-1', modelPage([], 'token-2')],
      ['token-2', modelPage([listedModel('gemini-b')])],
    ]
    for (const [token, page] of pages) {
      const request = await server.request()
      expect(new URL(request.path, server.url).searchParams.get('pageToken')).toBe(token)
      await request.write(response(200, 'application/json', page))
    }
    expect((await models).map(({ name }) => name)).toEqual(['gemini-a', 'gemini-b'])
  })

  test('says what a model is and takes', async () => {
    expect(await listed(modelPage([listedModel('gemini-4-pro', { displayName: 'Gemini 4 Pro' })]))).toEqual([
      {
        provider: 'gemini',
        name: 'gemini-4-pro',
        displayName: 'Gemini 4 Pro',
        contextWindow: 1_048_576,
        maxOutputTokens: 65_536,
        capabilities: ['TOOLS', 'VISION', 'JSON_MODE', 'REASONING'],
        parameters: new Set(['temperature', 'topP', 'maxOutputTokens', 'stop', 'effort']),
        lifecycle: 'ACTIVE',
        retiresAt: null,
        prices: null,
        createdAt: null,
      },
    ])
  })

  test('offers effort only where a model thinks', async () => {
    const [model] = await listed(modelPage([listedModel('gemini-2.0-flash', { thinking: undefined })]))
    expect(model).toMatchObject({
      capabilities: ['TOOLS', 'VISION', 'JSON_MODE'],
      parameters: new Set(['temperature', 'topP', 'maxOutputTokens', 'stop']),
    })
  })

  test('holds more than models that write: those are not offered', async () => {
    const vectors = { supportedGenerationMethods: ['embedContent'] }
    const unknown = { supportedGenerationMethods: undefined }
    const models = await listed(
      modelPage([
        listedModel('gemini-embedding-001', vectors),
        listedModel('gemini-unknown', unknown),
        listedModel('gemini-4-flash'),
      ]),
    )
    expect(models.map(({ name }) => name)).toEqual(['gemini-4-flash'])
  })

  test('may leave out all but what it needs', async () => {
    const bare = { name: 'models/gemini-x', supportedGenerationMethods: ['generateContent'] }
    expect(await listed(modelPage([bare]))).toMatchObject([
      { name: 'gemini-x', displayName: 'gemini-x', contextWindow: null, maxOutputTokens: null },
    ])
  })
})

describe('a list that does not come', () => {
  test.each([
    ['its key is refused', gemini.error('auth'), 'PROVIDER_AUTH'],
    ['it is overloaded', gemini.error('overloaded'), 'PROVIDER_OVERLOADED'],
    ['it is cut', { status: 200, body: '{"models": [{"name": "mod' }, 'PROVIDER_BAD_RESPONSE'],
  ])('because %s', async (_why, { status, body }, code) => {
    const models = list()
    await (await server.request()).write(response(status, 'application/json', body))
    await expect(models).rejects.toThrow(ProviderError)
    await expect(models).rejects.toMatchObject({ code })
  })

  test('because it is a page', async () => {
    const models = list()
    await (await server.request()).write(response(200, 'text/html', '<h1>Hi</h1>'))
    await expect(models).rejects.toMatchObject({ code: 'PROVIDER_BAD_RESPONSE' })
  })

  test('because it is not a list', async () => {
    await expect(listed('{"models": 7}')).rejects.toThrow(ProviderError)
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
