import { describe, expect, test } from 'vitest'
import { startApp, type TestApp } from '../support/app.ts'
import { startByteServer } from '../support/byte-server.ts'
import { succeed } from '../support/chat.ts'
import { databases } from '../support/databases.ts'
import { eventually } from '../support/eventually.ts'
import { startVendor } from '../support/vendor.ts'

const startTalker = (models: readonly object[], text: string) => startVendor(models, () => ({ text }))

const maverick = {
  id: 'meta-llama/llama-4-maverick:free',
  name: 'Llama 4 Maverick (free)',
  context_length: 128_000,
  architecture: { input_modalities: ['text', 'image'], output_modalities: ['text'] },
  supported_parameters: ['temperature', 'max_tokens', 'tools'],
  pricing: { prompt: '0', completion: '0' },
}
const large = { id: 'mistralai/mistral-large', pricing: { prompt: '0.000002', completion: '0.000006' } }
const painter = { id: 'some/painter', architecture: { output_modalities: ['image'] } }

type Listed = {
  models: { nodes: { name: string; provider: { name: string; healthy: boolean; problem: string | null } }[] }
}

const modelsQuery = `{ models { nodes { name displayName contextWindow capabilities parameters lifecycle available
  inputPricePerMTok outputPricePerMTok provider { name displayName healthy problem listedAt } } } }`

/** The models as soon as so many of them are listed, the demo among them. */
function listed(app: TestApp, count: number): Promise<Listed['models']['nodes']> {
  return eventually(async () => {
    const { models } = await app.run<Listed>(modelsQuery)
    expect(models.nodes).toHaveLength(count)
    return models.nodes
  })
}

async function answerBy(app: TestApp, modelId: string): Promise<string> {
  const conversationId = await app.createConversation()
  const { generation } = await succeed(app, 'sendMessage', {
    conversationId,
    text: 'Hello',
    generate: { modelId },
  })
  for await (const _event of app.follow(generation!.id)); // to its end
  return (await app.message(generation!.message.id)).text
}

describe.each(databases)('several providers on $name', ({ create }) => {
  test('list their models side by side, with what is known of them, the free one of a gateway first', async () => {
    await using place = await create()
    await using gateway = await startTalker([large, painter, maverick], 'From the gateway')
    const settings = { OPENROUTER_API_KEY: 'sk-or', OPENROUTER_BASE_URL: gateway.url }
    await using app = await startApp({ place, settings })
    const [first, second] = await listed(app, 3)
    expect(first).toEqual({
      name: 'meta-llama/llama-4-maverick:free',
      displayName: 'Llama 4 Maverick (free)',
      contextWindow: 128_000,
      capabilities: ['VISION', 'TOOLS'],
      parameters: ['temperature', 'maxOutputTokens'],
      lifecycle: 'ACTIVE',
      available: true,
      inputPricePerMTok: '0',
      outputPricePerMTok: '0',
      provider: {
        name: 'openrouter',
        displayName: 'OpenRouter',
        healthy: true,
        problem: null,
        listedAt: expect.stringMatching(/^20/),
      },
    })
    expect(second).toMatchObject({
      name: 'mistralai/mistral-large',
      inputPricePerMTok: '2',
      outputPricePerMTok: '6',
    })
    const query = '{ serverInfo { defaultModel { name } } }'
    expect(await app.run(query)).toEqual({ serverInfo: { defaultModel: { name: maverick.id } } })
  })

  test('answer each with its own models, under the names that people use', async () => {
    await using place = await create()
    await using gateway = await startTalker([large], 'From the gateway')
    await using openai = await startTalker(
      [{ id: 'gpt-4-turbo' }, { id: 'text-embedding-3-large' }],
      'From OpenAI',
    )
    await using ollama = await startTalker([{ id: 'llama3:latest' }], 'From here')
    await using app = await startApp({
      place,
      settings: {
        OPENROUTER_API_KEY: 'sk-or',
        OPENROUTER_BASE_URL: gateway.url,
        OPENAI_API_KEY: 'sk-oa',
        OPENAI_BASE_URL: openai.url,
        OLLAMA_BASE_URL: ollama.url,
      },
    })
    await listed(app, 4)
    expect(await answerBy(app, 'openai/gpt-4-turbo')).toBe('From OpenAI')
    expect(await answerBy(app, 'mistral/mistral-large')).toBe('From the gateway')
    expect(await answerBy(app, 'ollama/llama3')).toBe('From here')
    const asked = [gateway, openai, ollama].map(({ requests }) => requests.at(-1)?.headers['authorization'])
    expect(asked).toEqual(['Bearer sk-or', 'Bearer sk-oa', 'Bearer none'])
  })

  test('do not miss one that is down, and say why it is', async () => {
    await using place = await create()
    await using openai = await startTalker([{ id: 'gpt-4-turbo' }], 'From OpenAI')
    const away = await startByteServer()
    await away.close()
    await using app = await startApp({
      place,
      settings: {
        OPENAI_API_KEY: 'sk-oa',
        OPENAI_BASE_URL: openai.url,
        ANTHROPIC_API_KEY: 'sk-ant',
        ANTHROPIC_BASE_URL: away.url,
      },
    })
    await eventually(async () => {
      const { models } = await app.run<Listed>(modelsQuery)
      const problems = new Map(models.nodes.map(({ provider }) => [provider.name, provider.problem]))
      expect(Object.fromEntries(problems)).toEqual({
        anthropic: 'Cannot reach Anthropic: no connection',
        openai: null,
        demo: null,
      })
    })
    expect(await answerBy(app, 'gpt-4-turbo')).toBe('From OpenAI')
  })
})
