import { isChatCompletionBody } from '@copilotkit/aimock'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import type { ChatProvider, Parameters, ProviderRequest } from '../../../src/server/llm/provider.ts'
import { startAimock } from '../../support/aimock.ts'
import {
  type ByteRequest,
  type ByteServer,
  response,
  startByteServer,
  streamHead,
} from '../../support/byte-server.ts'
import { withEnvironment } from '../../support/environment.ts'
import { answer, listedModel, modelPage } from '../../support/gemini-frames.ts'
import { ask, noParameters, testKey } from '../../support/llm.ts'
import { gemini } from '../../support/wires.ts'

let server: ByteServer
beforeAll(async () => {
  server = await startByteServer()
})
afterAll(() => server.close())

/** What goes over the wire. */
async function requestOf(changes: Partial<ProviderRequest> = {}, provider = gemini.at(server.url)) {
  const outcome = ask(provider, gemini.question('Hello', changes))
  const request = await server.request()
  await request.write(streamHead + answer('x'))
  request.end()
  expect((await outcome).error).toBeNull()
  return request
}

/** One that has listed the model of the questions, and whether it thinks. */
async function listed(thinking: boolean): Promise<ChatProvider> {
  const provider = gemini.at(server.url)
  const models = provider.listModels(new AbortController().signal)
  const page = modelPage([listedModel('gemini-4-flash', { thinking })])
  await (await server.request()).write(response(200, 'application/json', page))
  await models
  return provider
}

async function configOf(parameters: Partial<Parameters>, provider?: ChatProvider): Promise<unknown> {
  const request = await requestOf({ parameters: { ...noParameters, ...parameters } }, provider)
  return request.json()['generationConfig']
}

const sentHeaders = [
  'connection',
  'content-length',
  'content-type',
  'host',
  'user-agent',
  'x-goog-api-client',
  'x-goog-api-key',
]

function namesOfHeaders({ headers }: ByteRequest): string[] {
  return Object.keys(headers).sort()
}

describe('[case 54] a request to Gemini', () => {
  test('names its version, the model and its key, and nothing of this server', async () => {
    const request = await requestOf()
    expect(request).toMatchObject({
      method: 'POST',
      path: '/v1beta/models/gemini-4-flash:streamGenerateContent?alt=sse',
    })
    expect(namesOfHeaders(request)).toEqual(sentHeaders)
    expect(request.headers).toMatchObject({ 'x-goog-api-key': testKey, 'content-type': 'application/json' })
    for (const name of ['user-agent', 'x-goog-api-client']) {
      expect(request.headers[name]).not.toContain(process.version)
    }
  })

  test('for a plain question is all that it needs, and no more', async () => {
    expect((await requestOf()).json()).toEqual({
      contents: [{ role: 'user', parts: [{ text: 'Hello' }] }],
      generationConfig: {},
    })
  })

  test('carries the system prompt beside the whole conversation', async () => {
    const messages = [
      { role: 'user', text: 'One?' },
      { role: 'assistant', text: 'One.' },
      { role: 'user', text: 'Two?' },
    ] as const
    expect((await requestOf({ system: 'Be brief', messages })).json()).toMatchObject({
      systemInstruction: { parts: [{ text: 'Be brief' }] },
      contents: [
        { role: 'user', parts: [{ text: 'One?' }] },
        { role: 'model', parts: [{ text: 'One.' }] },
        { role: 'user', parts: [{ text: 'Two?' }] },
      ],
    })
  })

  test('carries what is set', async () => {
    expect(await configOf({ temperature: 0, topP: 0.5, maxOutputTokens: 9, stop: ['END'] })).toEqual({
      temperature: 0,
      topP: 0.5,
      maxOutputTokens: 9,
      stopSequences: ['END'],
    })
  })

  test('leaves an empty list of stops out', async () => {
    expect(await configOf({ stop: [] })).toEqual({})
  })
})

describe('thoughts', () => {
  test('are asked for where a model thinks, as deep as it is told to', async () => {
    const provider = await listed(true)
    expect(await configOf({}, provider)).toEqual({ thinkingConfig: { includeThoughts: true } })
    expect(await configOf({ effort: 'LOW' }, provider)).toEqual({
      thinkingConfig: { includeThoughts: true, thinkingLevel: 'LOW' },
    })
    expect(await configOf({ effort: 'MAX' }, provider)).toEqual({
      thinkingConfig: { includeThoughts: true, thinkingLevel: 'HIGH' },
    })
  })

  test('are not asked for where it does not, or nobody knows', async () => {
    expect(await configOf({}, await listed(false))).toEqual({})
    expect(await configOf({})).toEqual({})
  })
})

const environment = {
  GOOGLE_API_KEY: 'AIza-other',
  GEMINI_API_KEY: 'AIza-another',
  GOOGLE_GENAI_USE_VERTEXAI: 'true',
  GOOGLE_GENAI_USE_ENTERPRISE: 'false',
  GOOGLE_GENAI_API_VERSION: 'v1',
  GOOGLE_CLOUD_PROJECT: 'project-1',
  GOOGLE_CLOUD_LOCATION: 'moon',
  GOOGLE_GEMINI_BASE_URL: 'http://127.0.0.1:1',
  GOOGLE_VERTEX_BASE_URL: 'http://127.0.0.1:1',
}

test('[case 54] the environment is not read, and nothing reaches the console', async () => {
  using _set = withEnvironment(environment)
  const methods = ['log', 'info', 'warn', 'error', 'debug'] as const
  const spies = methods.map((method) => vi.spyOn(console, method))
  const request = await requestOf()
  for (const spy of spies) expect(spy).not.toHaveBeenCalled()
  vi.restoreAllMocks()
  expect(request.path).toBe(gemini.path)
  expect(namesOfHeaders(request)).toEqual(sentHeaders)
  expect(request.headers['x-goog-api-key']).toBe(testKey)
})

test('[case 54] as another implementation takes it: the journal of its requests', async () => {
  await using mock = await startAimock()
  mock.onMessage('Two?', { content: 'Two.' })
  const messages = [
    { role: 'user', text: 'One?' },
    { role: 'assistant', text: 'One.' },
    { role: 'user', text: 'Two?' },
  ] as const
  await ask(gemini.at(mock.url), gemini.question('', { system: 'Be brief', messages }))
  const entry = mock.getLastRequest()
  expect(entry).toMatchObject({
    method: 'POST',
    path: expect.stringContaining('/v1beta/models/gemini-4-flash:'),
  })
  const body = entry?.body
  if (!isChatCompletionBody(body)) throw new Error('It took no conversation')
  expect(body.messages.map(({ role, content }) => [role, content])).toEqual([
    ['system', 'Be brief'],
    ['user', 'One?'],
    ['assistant', 'One.'],
    ['user', 'Two?'],
  ])
  for (const name of ['temperature', 'top_p', 'top_k', 'max_tokens']) expect(body[name], name).toBeUndefined()
})
