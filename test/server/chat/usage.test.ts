import { describe, expect, test } from 'vitest'
import { ending, read } from '../../support/chat.ts'
import { databases } from '../../support/databases.ts'
import { shareServer } from '../../support/shared-server.ts'

const fields = 'usage { inputTokens outputTokens cachedTokens reasoningTokens cost estimated }'
const nobodySaid = {
  inputTokens: null,
  outputTokens: null,
  cachedTokens: null,
  reasoningTokens: null,
  cost: null,
  estimated: false,
}

describe.each(databases)('the usage of a conversation on $name', ({ create }) => {
  const server = shareServer(create)

  test('is unknown where no run has used anything', async () => {
    const { app } = server
    const conversationId = await app.createConversation()
    const { generationId } = await app.ask(conversationId, 'Refuse this')
    const run = await server.run('Refuse this')
    await run.fail({ status: 401, type: 'authentication_error' })
    await ending(app, generationId)
    expect(await read(app, 'Conversation', conversationId, fields)).toMatchObject({
      usage: { inputTokens: null, cachedTokens: null, reasoningTokens: null },
    })
  })

  test('is unknown until a run has ended, and then the sum of what is known', async () => {
    const { app } = server
    const conversationId = await app.createConversation()
    expect(await read(app, 'Conversation', conversationId, fields)).toEqual({ usage: nobodySaid })

    for (const [question, input, output] of [
      ['First', 10, 5],
      ['Second', 30, 7],
    ] as const) {
      const { generationId } = await app.ask(conversationId, question)
      const run = await server.run(question)
      await run.text('Answer')
      await run.finish('end_turn', { input_tokens: input, output_tokens: output })
      await ending(app, generationId)
    }
    expect(await read(app, 'Conversation', conversationId, fields)).toMatchObject({
      usage: { inputTokens: 40, outputTokens: 12, estimated: false },
    })

    const { generationId } = await app.ask(conversationId, 'Third')
    const run = await server.run('Third')
    await run.text('Broken')
    run.cut()
    await ending(app, generationId)
    expect(await read(app, 'Conversation', conversationId, fields)).toMatchObject({
      usage: { estimated: true },
    })
  })
})
