import { describe, expect, test } from 'vitest'
import { ending, read, say, succeed } from '../../support/chat.ts'
import { databases } from '../../support/databases.ts'
import { shareServer } from '../../support/shared-server.ts'

describe.each(databases)('hashes in a conversation on $name', ({ create }) => {
  const server = shareServer(create)

  test('of equal siblings are equal, although the messages are two', async () => {
    const { app } = server
    const conversationId = await app.createConversation()
    const parentId = await say(app, conversationId, 'Twins')
    const first = await say(app, conversationId, 'Same', { parentId })
    const second = await say(app, conversationId, 'Same', { parentId })
    expect(second).not.toBe(first)
    expect(await hashOf(second)).toBe(await hashOf(first))
    const other = await say(app, conversationId, 'Different', { parentId })
    expect(await hashOf(other)).not.toBe(await hashOf(first))
  })

  test('of equal answers are equal, and others with another model or other parameters', async () => {
    const { app } = server
    const conversationId = await app.createConversation()
    const parentId = await say(app, conversationId, 'Answer me')
    const hashes = []
    const modelId = 'claude-haiku-5-5'
    for (const generate of [{}, {}, { modelId }, { modelId, maxOutputTokens: 100 }]) {
      const { generation } = await succeed(app, 'generateResponse', { conversationId, parentId, generate })
      const run = await server.run('Answer me')
      await run.text('Yes')
      await run.finish()
      await ending(app, generation!.id)
      hashes.push(await hashOf(generation!.message.id))
    }
    expect(hashes[0]).toBe(hashes[1])
    expect(new Set(hashes).size).toBe(3)
  })

  test('chain: the same words after something else are something else', async () => {
    const { app } = server
    const paths = []
    for (const opening of ['Yes', 'Yes', 'No']) {
      const conversationId = await app.createConversation()
      const ids = []
      for (const text of [opening, 'then', 'and so on']) ids.push(await say(app, conversationId, text))
      paths.push(await Promise.all(ids.map(hashOf)))
    }
    expect(paths[0]).toEqual(paths[1])
    expect(new Set(paths[0]).size).toBe(3)
    for (const hash of paths[2]!) expect(paths[0]).not.toContain(hash)
  })

  test('chain: the same answer to another question is another answer', async () => {
    const { app } = server
    const hashes = []
    for (const question of ['Shall we?', 'Shall we?', 'Must we?']) {
      const { answerId, generationId } = await app.ask(await app.createConversation(), question)
      const run = await server.run(question)
      await run.text('Yes')
      await run.finish()
      await ending(app, generationId)
      hashes.push(await hashOf(answerId))
    }
    expect(hashes[0]).toBe(hashes[1])
    expect(hashes[2]).not.toBe(hashes[1])
  })

  test('are null while the message is under way, and never change after that', async () => {
    const { app } = server
    const asked = await app.ask(await app.createConversation(), 'Wait for it')
    expect(await hashOf(asked.questionId)).toMatch(/^sha256:[0-9a-f]{64}$/)
    expect(await hashOf(asked.answerId)).toBeNull()
    const run = await server.run('Wait for it')
    await run.text('No')
    for await (const event of app.follow(asked.generationId)) if (event.text === 'No') break
    expect(await hashOf(asked.answerId)).toBeNull()
    await run.text('w')
    await run.finish()
    const { generation } = await ending(app, asked.generationId)
    const hash = await hashOf(asked.answerId)
    expect(hash).toMatch(/^sha256:[0-9a-f]{64}$/)
    expect(generation).toMatchObject({ message: { hash } })
    const edit = await succeed(app, 'editMessage', { messageId: asked.questionId, text: 'Do not' })
    await (await server.run('Do not')).finish()
    await ending(app, edit.generation!.id)
    expect(await hashOf(asked.answerId)).toBe(hash)
  })

  test('do not depend on how an answer ended', async () => {
    const { app } = server
    const conversationId = await app.createConversation()
    const parentId = await say(app, conversationId, 'However')
    const hashes = []
    for (const ends of ['COMPLETED', 'CANCELED']) {
      const input = { conversationId, parentId, generate: {} }
      const { id: generationId, message } = (await succeed(app, 'generateResponse', input)).generation!
      const run = await server.run('However')
      await run.text('So')
      for await (const event of app.follow(generationId)) if (event.text === 'So') break
      if (ends === 'COMPLETED') await run.finish()
      else await succeed(app, 'cancelGeneration', { generationId })
      expect(await ending(app, generationId)).toMatchObject({ generation: { status: ends } })
      hashes.push(await hashOf(message.id))
    }
    expect(hashes[0]).toBe(hashes[1])
  })

  async function hashOf(id: string): Promise<string | null> {
    const { hash } = await read<{ hash: string | null }>(server.app, 'Message', id, 'hash')
    return hash
  }
})
