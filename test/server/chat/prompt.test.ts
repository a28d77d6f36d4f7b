import { describe, expect, test } from 'vitest'
import { ending, say, succeed } from '../../support/chat.ts'
import { databases } from '../../support/databases.ts'
import type { ScriptedRun } from '../../support/scripted-provider.ts'
import { shareServer } from '../../support/shared-server.ts'

describe.each(databases)('what a model is sent on $name', ({ create }) => {
  const server = shareServer(create)

  test('is the system prompt and the path to the question, and nothing of other branches', async () => {
    const { app } = server
    const { conversation } = await succeed(app, 'createConversation', { systemPrompt: 'Answer in verse' })
    const conversationId = conversation!.id
    const first = await answered(conversationId, 'One', 'I')
    await answered(conversationId, 'Two', 'II')
    await say(app, conversationId, 'Elsewhere', { parentId: first.answerId })
    const { run } = await answered(conversationId, 'Three', 'III', { parentId: first.answerId })
    expect(run.body['system']).toBe('Answer in verse')
    expect(run.body['messages']).toEqual([
      { role: 'user', content: 'One' },
      { role: 'assistant', content: 'I' },
      { role: 'user', content: 'Three' },
    ])
  })

  test('has no system prompt where there is none, and the newest one where it was changed', async () => {
    const { app } = server
    const conversationId = await app.createConversation()
    expect((await answered(conversationId, 'a', 'A')).run.body).not.toHaveProperty('system')
    await succeed(app, 'updateConversation', { conversationId, systemPrompt: 'Now' })
    expect((await answered(conversationId, 'b', 'B')).run.body['system']).toBe('Now')
    await succeed(app, 'updateConversation', { conversationId, systemPrompt: '' })
    expect((await answered(conversationId, 'c', 'C')).run.body).not.toHaveProperty('system')
  })

  test('leaves out answers without a text, and makes one of the questions around them', async () => {
    const { app } = server
    const conversationId = await app.createConversation()
    const failed = await app.ask(conversationId, 'Will it fail?')
    await (await server.run('Will it fail?')).fail({ status: 401, type: 'authentication_error' })
    await ending(app, failed.generationId)
    const thought = await app.ask(conversationId, 'Will it only think?')
    const thinking = await server.run('Will it fail?\n\nWill it only think?')
    await thinking.reasoning('Hm')
    await thinking.finish()
    await ending(app, thought.generationId)
    const prompt = 'Will it fail?\n\nWill it only think?\n\nAnd now?'
    const { run } = await answered(conversationId, 'And now?', 'Yes', { prompt })
    expect(run.body['messages']).toEqual([{ role: 'user', content: prompt }])
  })

  test('has the text that was said before an answer was cut off or canceled, and never reasoning', async () => {
    const { app } = server
    const conversationId = await app.createConversation()
    const cut = await app.ask(conversationId, 'First')
    const first = await server.run('First')
    await first.reasoning('Secret')
    await first.text('It was a')
    first.cut('FIN')
    await ending(app, cut.generationId)
    const canceled = await app.ask(conversationId, 'Second')
    const second = await server.run('Second')
    await second.text('Let me')
    for await (const event of app.follow(canceled.generationId)) if (event.text === 'Let me') break
    await succeed(app, 'cancelGeneration', { generationId: canceled.generationId })
    const { run } = await answered(conversationId, 'Third', 'Done')
    expect(run.body['messages']).toEqual([
      { role: 'user', content: 'First' },
      { role: 'assistant', content: 'It was a' },
      { role: 'user', content: 'Second' },
      { role: 'assistant', content: 'Let me' },
      { role: 'user', content: 'Third' },
    ])
  })

  test('takes notes that nobody was to answer into the next question', async () => {
    const { app } = server
    const conversationId = await app.createConversation()
    await say(app, conversationId, 'A note')
    await say(app, conversationId, 'Another one')
    const prompt = 'A note\n\nAnother one\n\nAnd now?'
    const { run } = await answered(conversationId, 'And now?', 'Not much', { prompt })
    expect(run.body['messages']).toEqual([{ role: 'user', content: prompt }])
  })

  test('is every character as it was sent', async () => {
    const text = '  Ünïcödé 👩‍👩‍👧‍👦 \u{1d11e} سلام \u200b\r\n\ttabs\u0001 "quotes" \\ <b> \u2028'
    const { run } = await answered(await server.app.createConversation(), text, text)
    expect(run.body['messages']).toEqual([{ role: 'user', content: text }])
  })

  test('is the whole of a long conversation', async () => {
    const { app } = server
    const conversationId = await app.createConversation()
    for (let turn = 0; turn < 12; turn += 1) await answered(conversationId, `Q${turn}`, `A${turn}`)
    const { run } = await answered(conversationId, 'Last', 'Bye')
    const turns = Array.from({ length: 12 }, (_, turn) => [
      { role: 'user', content: `Q${turn}` },
      { role: 'assistant', content: `A${turn}` },
    ])
    expect(run.body['messages']).toEqual([...turns.flat(), { role: 'user', content: 'Last' }])
  })

  /** Asks and answers. `prompt`: the last question as the model sees it. */
  async function answered(
    conversationId: string,
    question: string,
    answer: string,
    { prompt = question, ...input }: { prompt?: string; parentId?: string } = {},
  ): Promise<{ answerId: string; run: ScriptedRun }> {
    const { answerId, generationId } = await server.app.ask(conversationId, question, input)
    const run = await server.run(prompt)
    await run.text(answer)
    await run.finish()
    await ending(server.app, generationId)
    return { answerId, run }
  }
})
