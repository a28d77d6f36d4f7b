import { isChatCompletionBody } from '@copilotkit/aimock'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { type Vendor, vendors } from '../../../src/server/llm/openai-vendors.ts'
import type { Parameters, ProviderRequest } from '../../../src/server/llm/provider.ts'
import { startAimock } from '../../support/aimock.ts'
import { type ByteRequest, type ByteServer, startByteServer, streamHead } from '../../support/byte-server.ts'
import { withEnvironment } from '../../support/environment.ts'
import { ask, noParameters, testKey } from '../../support/llm.ts'
import { answer } from '../../support/openai-frames.ts'
import { openai, vendorAt } from '../../support/wires.ts'

let server: ByteServer
beforeAll(async () => {
  server = await startByteServer()
})
afterAll(() => server.close())

type Asked = { vendor?: Vendor; apiKey?: string | null; changes?: Partial<ProviderRequest> }

/** What goes over the wire. */
async function requestOf({ vendor = vendors.openai, apiKey = testKey, changes = {} }: Asked = {}) {
  const outcome = ask(vendorAt(vendor, server.url, {}, apiKey), openai.question('Hello', changes))
  const request = await server.request()
  await request.write(streamHead + answer('x'))
  request.end()
  expect((await outcome).error).toBeNull()
  return request
}

async function bodyOf(vendor: Vendor, parameters: Partial<Parameters>): Promise<Record<string, unknown>> {
  const request = await requestOf({ vendor, changes: { parameters: { ...noParameters, ...parameters } } })
  return request.json()
}

/** What leaves whatever is asked. */
const sentHeaders = [
  'accept',
  'authorization',
  'connection',
  'content-length',
  'content-type',
  'host',
  'user-agent',
]

function namesOfHeaders({ headers }: ByteRequest): string[] {
  return Object.keys(headers).sort()
}

const everyVendor = Object.values(vendors)

describe.each(everyVendor)('[case 54] a request to $label', (vendor) => {
  test('goes to its chat completions with the key, and tells nothing of this machine', async () => {
    const request = await requestOf({ vendor })
    expect(request).toMatchObject({ method: 'POST', path: '/v1/chat/completions' })
    expect(namesOfHeaders(request)).toEqual(sentHeaders)
    expect(request.headers).toMatchObject({
      authorization: `Bearer ${testKey}`,
      'content-type': 'application/json',
    })
    expect(request.headers['user-agent']).toMatch(/^OpenAI\/JS [\d.]+$/)
  })

  test('for a plain question is all that it needs, and no more', async () => {
    expect((await requestOf({ vendor })).json()).toEqual({
      model: 'gpt-6',
      messages: [{ role: 'user', content: 'Hello' }],
      stream: true,
      stream_options: { include_usage: true },
    })
  })

  test('carries the system prompt, and then the whole conversation', async () => {
    const messages = [
      { role: 'user', text: 'One?' },
      { role: 'assistant', text: 'One.' },
      { role: 'user', text: 'Two?' },
    ] as const
    expect(
      (await requestOf({ vendor, changes: { system: 'Be brief', messages } })).json()['messages'],
    ).toEqual([
      { role: 'system', content: 'Be brief' },
      { role: 'user', content: 'One?' },
      { role: 'assistant', content: 'One.' },
      { role: 'user', content: 'Two?' },
    ])
  })

  test('carries what is set', async () => {
    expect(await bodyOf(vendor, { temperature: 0, topP: 0.5, stop: ['END'] })).toMatchObject({
      temperature: 0,
      top_p: 0.5,
      stop: ['END'],
    })
  })

  test('leaves an empty list of stops out', async () => {
    expect(await bodyOf(vendor, { stop: [] })).not.toHaveProperty('stop')
  })
})

test('the length of an answer has the name that each takes', async () => {
  expect(await bodyOf(vendors.openai, { maxOutputTokens: 9 })).toMatchObject({ max_completion_tokens: 9 })
  expect(await bodyOf(vendors.openai, { maxOutputTokens: 9 })).not.toHaveProperty('max_tokens')
  for (const vendor of [vendors.openrouter, vendors.deepseek, vendors.ollama]) {
    const body = await bodyOf(vendor, { maxOutputTokens: 9 })
    expect(body).toMatchObject({ max_tokens: 9 })
    expect(body).not.toHaveProperty('max_completion_tokens')
  }
})

test('the effort of a model has the form that each takes', async () => {
  expect(await bodyOf(vendors.openai, { effort: 'LOW' })).toMatchObject({ reasoning_effort: 'low' })
  expect(await bodyOf(vendors.openai, { effort: 'MAX' })).toMatchObject({ reasoning_effort: 'xhigh' })
  const body = await bodyOf(vendors.openrouter, { effort: 'HIGH' })
  expect(body).toMatchObject({ reasoning: { effort: 'high' } })
  expect(body).not.toHaveProperty('reasoning_effort')
})

test('who asks for no key is given none of ours', async () => {
  const request = await requestOf({ vendor: vendors.ollama, apiKey: null })
  expect(request.headers['authorization']).toBe('Bearer none')
})

const environment = {
  OPENAI_API_KEY: 'sk-other',
  OPENAI_ADMIN_KEY: 'sk-admin',
  OPENAI_BASE_URL: 'http://127.0.0.1:1',
  OPENAI_ORG_ID: 'org-1',
  OPENAI_PROJECT_ID: 'proj-1',
  OPENAI_WEBHOOK_SECRET: 'whsec-1',
  OPENAI_CUSTOM_HEADERS: 'authorization: Bearer sk-other\nx-secret: sk-other',
  OPENAI_LOG: 'debug',
}

describe('[case 54] the environment', () => {
  test.each(everyVendor)('is not read for $label, and nothing reaches the console', async (vendor) => {
    using _set = withEnvironment(environment)
    const methods = ['log', 'info', 'warn', 'error', 'debug'] as const
    const spies = methods.map((method) => vi.spyOn(console, method))
    const request = await requestOf({ vendor })
    for (const spy of spies) expect(spy).not.toHaveBeenCalled()
    vi.restoreAllMocks()
    expect(namesOfHeaders(request)).toEqual(sentHeaders)
    expect(request.headers['authorization']).toBe(`Bearer ${testKey}`)
    expect(request.body).not.toContain('sk-other')
  })
})

test('[case 54] as another implementation takes it: the journal of its requests', async () => {
  await using mock = await startAimock()
  mock.onMessage('Two?', { content: 'Two.' })
  const messages = [
    { role: 'user', text: 'One?' },
    { role: 'assistant', text: 'One.' },
    { role: 'user', text: 'Two?' },
  ] as const
  await ask(openai.at(mock.url), openai.question('', { system: 'Be brief', messages }))
  const entry = mock.getLastRequest()
  expect(entry).toMatchObject({ method: 'POST', path: '/v1/chat/completions' })
  expect(Object.keys(entry?.headers ?? {}).filter((name) => name.startsWith('x-stainless'))).toEqual([])
  const body = entry?.body
  if (!isChatCompletionBody(body)) throw new Error('It took no chat completion')
  expect(body.messages.map(({ role, content }) => [role, content])).toEqual([
    ['system', 'Be brief'],
    ['user', 'One?'],
    ['assistant', 'One.'],
    ['user', 'Two?'],
  ])
  for (const name of ['temperature', 'top_p', 'max_tokens', 'max_completion_tokens', 'stop']) {
    expect(body[name], name).toBeUndefined()
  }
})
