import { isChatCompletionBody } from '@copilotkit/aimock'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import type { ProviderRequest } from '../../../src/server/llm/provider.ts'
import { startAimock } from '../../support/aimock.ts'
import { answer, listedModel } from '../../support/anthropic-frames.ts'
import { type ByteServer, startByteServer, streamHead } from '../../support/byte-server.ts'
import { withEnvironment } from '../../support/environment.ts'
import { ask, claudeAt, noParameters, question, testKey } from '../../support/llm.ts'
import { type ScriptedUpstream, startScriptedUpstream } from '../../support/scripted-provider.ts'

let server: ByteServer
let upstream: ScriptedUpstream
beforeAll(async () => {
  server = await startByteServer()
  upstream = await startScriptedUpstream()
})
afterAll(async () => {
  await server.close()
  await upstream.close()
})

/** What leaves whatever is asked. */
const sentHeaders = [
  'accept',
  'anthropic-version',
  'authorization',
  'connection',
  'content-length',
  'content-type',
  'host',
  'user-agent',
]

/** What goes over the wire, with the models listed first, as they are in a server that runs. */
async function bodyOf(changes: Partial<ProviderRequest> = {}): Promise<Record<string, unknown>> {
  const provider = claudeAt(upstream.url)
  await provider.listModels(new AbortController().signal)
  const outcome = ask(provider, question('Hello', changes))
  const run = await upstream.request()
  await run.finish()
  await outcome
  return run.body
}

test('[case 54] the request names its version and its bearer, and nothing of this server', async () => {
  const outcome = ask(claudeAt(server.url))
  const request = await server.request()
  await request.write(streamHead + answer('x'))
  request.end()
  await outcome
  expect(request).toMatchObject({ method: 'POST', path: '/v1/messages' })
  expect(request.headers).toMatchObject({
    authorization: `Bearer ${testKey}`,
    'anthropic-version': '2026-10-21',
    'content-type': 'application/json',
  })
  expect(Object.keys(request.headers).sort()).toEqual(sentHeaders)
})

describe('[case 54] the body', () => {
  test('of a plain question is all that Claude needs, and no more', async () => {
    expect(await bodyOf()).toEqual({
      model: 'claude-sonnet-5-5',
      max_tokens: 32_000,
      messages: [{ role: 'user', content: 'Hello' }],
      stream: true,
      cache_control: { type: 'ephemeral' },
      thinking: { type: 'adaptive', display: 'summarized' },
    })
  })

  test('carries the system prompt, the whole conversation, and no beginning of the answer', async () => {
    const messages = [
      { role: 'user', text: 'One?' },
      { role: 'assistant', text: 'One.' },
      { role: 'user', text: 'Two?' },
    ] as const
    const body = await bodyOf({ system: 'Be brief', messages })
    expect(body).toMatchObject({
      system: 'Be brief',
      messages: [
        { role: 'user', content: 'One?' },
        { role: 'assistant', content: 'One.' },
        { role: 'user', content: 'Two?' },
      ],
    })
  })

  test('never carries a sampling parameter, though one is set', async () => {
    const body = await bodyOf({ parameters: { ...noParameters, temperature: 1, topP: 1 } })
    for (const name of ['temperature', 'top_p', 'top_k']) expect(body).not.toHaveProperty(name)
  })

  test('carries what is set', async () => {
    const parameters = { ...noParameters, maxOutputTokens: 100, stop: ['END'], effort: 'MAX' as const }
    expect(await bodyOf({ parameters })).toMatchObject({
      max_tokens: 100,
      stop_sequences: ['END'],
      output_config: { effort: 'max' },
    })
  })

  test('leaves an empty list of stops out', async () => {
    expect(await bodyOf({ parameters: { ...noParameters, stop: [] } })).not.toHaveProperty('stop_sequences')
  })
})

async function maxTokensOf(changes: Partial<ProviderRequest>) {
  return (await bodyOf(changes))['max_tokens']
}

describe('[case 54] max_tokens', () => {
  test('is no more than the model lists', async () => {
    upstream.setModels([listedModel('claude-small', { max_tokens: 8_192 })])
    const model = 'claude-small'
    expect(await maxTokensOf({ model })).toBe(8_192)
    const parameters = { ...noParameters, maxOutputTokens: 20_000 }
    expect(await maxTokensOf({ model, parameters })).toBe(8_192)
  })

  test('of a model that is not listed is what every model takes', async () => {
    expect(await maxTokensOf({ model: 'claude-unheard-of' })).toBe(16_000)
  })
})

test('a model that cannot show its thinking is not asked to', async () => {
  upstream.setModels([listedModel('claude-plain', { capabilities: null })])
  expect(await bodyOf({ model: 'claude-plain' })).not.toHaveProperty('thinking')
})

test('[case 54] nothing is read from the environment, and nothing reaches the console', async () => {
  using _set = withEnvironment({
    ANTHROPIC_API_KEY: 'sk-other',
    ANTHROPIC_AUTH_TOKEN: 'sk-other',
    ANTHROPIC_BASE_URL: 'http://127.0.0.1:1',
    ANTHROPIC_CUSTOM_HEADERS: 'authorization: Bearer sk-other\nx-secret: sk-other',
    ANTHROPIC_LOG: 'debug',
  })
  const methods = ['log', 'info', 'warn', 'error', 'debug'] as const
  const spies = methods.map((method) => vi.spyOn(console, method))
  const outcome = ask(claudeAt(server.url))
  const request = await server.request()
  await request.write(streamHead + answer('x'))
  request.end()
  expect((await outcome).text).toBe('x')
  for (const spy of spies) expect(spy).not.toHaveBeenCalled()
  vi.restoreAllMocks()
  expect(request.headers['authorization']).toBe(`Bearer ${testKey}`)
  expect(Object.keys(request.headers).sort()).toEqual(sentHeaders)
})

test('[case 54] as another implementation takes it: the journal of its requests', async () => {
  await using mock = await startAimock()
  mock.onMessage('Two?', { content: 'Two.' })
  const messages = [
    { role: 'user', text: 'One?' },
    { role: 'assistant', text: 'One.' },
    { role: 'user', text: 'Two?' },
  ] as const
  await ask(claudeAt(mock.url), question('', { system: 'Be brief', messages }))
  const entry = mock.getLastRequest()
  expect(entry).toMatchObject({ method: 'POST', path: '/v1/messages' })
  expect(entry?.headers).toMatchObject({ 'anthropic-version': '2026-10-21' })
  const body = entry?.body
  if (!isChatCompletionBody(body)) throw new Error('It took no conversation')
  expect(body.messages.map(({ role, content }) => [role, content])).toEqual([
    ['system', 'Be brief'],
    ['user', 'One?'],
    ['assistant', 'One.'],
    ['user', 'Two?'],
  ])
  for (const name of ['temperature', 'top_p', 'top_k']) expect(body[name], name).toBeUndefined()
})
