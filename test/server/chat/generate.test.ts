import { describe, expect, test } from 'vitest'
import { listedModel } from '../../support/anthropic-frames.ts'
import { startApp } from '../../support/app.ts'
import { askAndWait, everyRow, failure, read, succeed, unknownId } from '../../support/chat.ts'
import { databases } from '../../support/databases.ts'
import { eventually } from '../../support/eventually.ts'
import { startScriptedUpstream } from '../../support/scripted-provider.ts'
import { shareServer } from '../../support/shared-server.ts'

describe.each(databases)('`generate` on $name', ({ create }) => {
  const server = shareServer(create, { automatic: { tokens: 2 } })

  describe('the model', () => {
    test('is the server’s default where nobody names one', async () => {
      const { app } = server
      const { serverInfo } = await app.run<{ serverInfo: object }>('{ serverInfo { defaultModel { name } } }')
      expect(serverInfo).toEqual({ defaultModel: { name: 'claude-sonnet-5-5' } })
      expect(await modelThatAnswers(await app.createConversation())).toBe('claude-sonnet-5-5')
    })

    test('is the conversation’s default where it has one', async () => {
      const input = { defaultModelId: 'claude-haiku-5-5' }
      const { conversation } = await succeed(server.app, 'createConversation', input)
      expect(await modelThatAnswers(conversation!.id)).toBe('claude-haiku-5-5')
      expect(await modelThatAnswers(conversation!.id, { modelId: 'claude-opus-5-5' })).toBe('claude-opus-5-5')
    })

    test('is named by its provider’s exact name or by its global id', async () => {
      const { app } = server
      const { models } = await app.run<{ models: { nodes: { id: string; name: string }[] } }>(
        '{ models { nodes { id name } } }',
      )
      const conversationId = await app.createConversation()
      for (const { id, name } of models.nodes.filter((model) => model.name.startsWith('claude'))) {
        expect(await modelThatAnswers(conversationId, { modelId: name })).toBe(name)
        expect(await modelThatAnswers(conversationId, { modelId: id })).toBe(name)
      }
    })

    test('is found under names that are used for it elsewhere', async () => {
      const conversationId = await server.app.createConversation()
      for (const modelId of [
        'anthropic/claude-haiku-5-5',
        'Claude-Haiku-5.5',
        'anthropic:claude-haiku-5-5',
      ]) {
        expect(await modelThatAnswers(conversationId, { modelId })).toBe('claude-haiku-5-5')
      }
    })

    test('that nobody offers is refused with those that may be meant', async () => {
      const conversationId = await server.app.createConversation()
      const input = { conversationId, text: 'x', generate: { modelId: 'claude-haiku-55' } }
      const query = `mutation ($input: SendMessageInput!) { sendMessage(input: $input) { userErrors { message } } }`
      type Refused = { sendMessage: { userErrors: { message: string }[] } }
      const { sendMessage } = await server.app.run<Refused>(query, { input })
      expect(sendMessage.userErrors[0]?.message).toBe(
        'Cannot generate with this modelId: no model is called "claude-haiku-55"; is it claude-haiku-5-5?',
      )
    })

    test.each([
      ['an unknown name', 'claude-unheard-of'],
      ['no name', ''],
      ['an unknown id', Buffer.from('Model:anthropic:claude-unheard-of').toString('base64url')],
      ['an id of another type', unknownId('Conversation')],
    ])('is refused for %s', async (_what, modelId) => {
      const { app } = server
      const { questionId, answerId, conversationId } = await askAndWait(app, await app.createConversation())
      const before = await everyRow(app.db)
      const refusal = { code: 'INVALID', path: ['generate', 'modelId'] }
      const generate = { modelId }
      expect(await failure(app, 'sendMessage', { conversationId, text: 'x', generate })).toMatchObject(
        refusal,
      )
      expect(
        await failure(app, 'generateResponse', { conversationId, parentId: questionId, generate }),
      ).toMatchObject(refusal)
      expect(await failure(app, 'editMessage', { messageId: questionId, text: 'x', generate })).toMatchObject(
        refusal,
      )
      expect(await failure(app, 'regenerateMessage', { messageId: answerId, generate })).toMatchObject(
        refusal,
      )
      expect(await everyRow(app.db)).toEqual(before)
    })

    test('that its provider has retired is MODEL_UNAVAILABLE', async () => {
      await using place = await create()
      await using upstream = await startScriptedUpstream()
      upstream.setModels([
        listedModel('claude-sonnet-5-5'),
        listedModel('claude-sonnet-4', { lifecycle: 'retired' }),
      ])
      await using app = await startApp({ place, upstream })
      const query = '{ models { nodes { name available } } }'
      await eventually(async () => {
        const { models } = await app.run<{ models: { nodes: object[] } }>(query)
        expect(models.nodes).toContainEqual({ name: 'claude-sonnet-4', available: false })
      })
      const conversationId = await app.createConversation()
      const send = { conversationId, text: 'Are you there?', generate: { modelId: 'claude-sonnet-4' } }
      expect(await failure(app, 'sendMessage', send)).toMatchObject({
        code: 'MODEL_UNAVAILABLE',
        path: ['generate', 'modelId'],
      })
      expect(upstream.runs).toEqual([])
    })
  })

  describe('the parameters', () => {
    test('reach the provider', async () => {
      const { app, upstream } = server
      await askAndWait(app, await app.createConversation(), 'How much?', {
        generate: { maxOutputTokens: 1_234, stop: ['END', '\nHuman:'], effort: 'LOW' },
      })
      expect(upstream.runs.at(-1)?.body).toMatchObject({
        max_tokens: 1_234,
        stop_sequences: ['END', '\nHuman:'],
        output_config: { effort: 'low' },
      })
    })

    test.each([
      ['temperature', { temperature: 0.5 }],
      ['topP', { topP: 0.9 }],
      ['maxOutputTokens', { maxOutputTokens: 0 }],
      ['maxOutputTokens', { maxOutputTokens: 128_001 }],
      ['stop', { stop: ['a', 'b', 'c', 'd', 'e'] }],
      ['stop', { stop: ['fine', ' \n'] }],
      ['stop', { stop: ['\0'] }],
      ['stop', { stop: ['\ud800'] }],
      ['stop', { stop: ['x'.repeat(201)] }],
      ['effort', { effort: 'HIGH', modelId: 'demo' }],
    ])('that the model does not take are refused: %s %j', async (name, generate) => {
      const { app } = server
      const { conversationId, questionId, answerId } = await askAndWait(app, await app.createConversation())
      const before = await everyRow(app.db)
      const refusal = { code: 'INVALID', path: ['generate', name] }
      expect(await failure(app, 'sendMessage', { conversationId, text: 'x', generate })).toMatchObject(
        refusal,
      )
      expect(
        await failure(app, 'generateResponse', { conversationId, parentId: questionId, generate }),
      ).toMatchObject(refusal)
      expect(await failure(app, 'editMessage', { messageId: questionId, text: 'x', generate })).toMatchObject(
        refusal,
      )
      expect(await failure(app, 'regenerateMessage', { messageId: answerId, generate })).toMatchObject(
        refusal,
      )
      expect(await everyRow(app.db)).toEqual(before)
    })

    test('that are null are left to the model', async () => {
      const { app, upstream } = server
      const generate = { modelId: null, temperature: null, topP: null, stop: null, effort: null }
      await askAndWait(app, await app.createConversation(), 'Null?', { generate })
      await askAndWait(app, await app.createConversation(), 'Null?', { generate: {} })
      const [nulls, none] = upstream.runs.slice(-2).map(({ body }) => body)
      expect(nulls).toEqual(none)
    })
  })

  async function modelThatAnswers(conversationId: string, generate = {}): Promise<unknown> {
    const { app, upstream } = server
    const { generationId, answerId } = await askAndWait(app, conversationId, 'Who is it?', { generate })
    const asked = upstream.runs.at(-1)?.body['model']
    const model = { name: asked }
    expect(await read(app, 'Generation', generationId, 'model { name }')).toEqual({ model })
    expect(await read(app, 'Message', answerId, 'model { name }')).toEqual({ model })
    return asked
  }
})
