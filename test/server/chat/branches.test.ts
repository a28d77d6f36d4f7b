import { describe, expect, test } from 'vitest'
import {
  askAndWait,
  ending,
  everyRow,
  failure,
  headOf,
  read,
  say,
  succeed,
  unknownId,
} from '../../support/chat.ts'
import { databases } from '../../support/databases.ts'
import { shareServer } from '../../support/shared-server.ts'

type Ids = { readonly id: string }[]

describe.each(databases)('branches on $name', ({ create }) => {
  const server = shareServer(create, { automatic: { tokens: 3 } })

  describe('generateResponse', () => {
    test('answers a message that nobody has answered', async () => {
      const { app } = server
      const conversationId = await app.createConversation()
      const questionId = await say(app, conversationId, 'Anybody?')
      const { generation } = await succeed(app, 'generateResponse', { conversationId, generate: {} })
      await ending(app, generation!.id)
      expect(await read(app, 'Message', generation!.message.id, 'text parents { id }')).toEqual({
        text: '1 2 3 ',
        parents: [{ id: questionId }],
      })
      expect(await headOf(app, conversationId)).toBe(generation!.message.id)
    })

    test('called twice on one parent makes two siblings, also at the same time', async () => {
      const { app } = server
      const conversationId = await app.createConversation()
      const parentId = await say(app, conversationId, 'Tell me both')
      const input = { conversationId, parentId, generate: {} }
      const payloads = await Promise.all([
        succeed(app, 'generateResponse', input),
        succeed(app, 'generateResponse', input),
      ])
      const answers = payloads.map(({ generation }) => generation!.message.id)
      for (const { generation } of payloads) await ending(app, generation!.id)
      expect(new Set(await relatives(parentId, 'children'))).toEqual(new Set(answers))
      for (const id of answers) expect(new Set(await relatives(id, 'siblings'))).toEqual(new Set(answers))
    })

    test('refuses to answer an answer, or what is not there', async () => {
      const { app } = server
      const conversationId = await app.createConversation()
      const respond = (input: object) =>
        failure(app, 'generateResponse', { conversationId, generate: {}, ...input })
      const notFound = { code: 'NOT_FOUND', path: ['parentId'] }
      expect(await respond({})).toMatchObject(notFound)
      const { answerId } = await askAndWait(app, conversationId)
      const elsewhere = await say(app, await app.createConversation(), 'elsewhere')
      const before = await everyRow(app.db)
      expect(await respond({})).toMatchObject({ code: 'INVALID', path: ['parentId'] })
      expect(await respond({ parentId: answerId })).toMatchObject({ code: 'INVALID', path: ['parentId'] })
      expect(await respond({ parentId: elsewhere })).toMatchObject(notFound)
      expect(await respond({ parentId: unknownId('Message') })).toMatchObject(notFound)
      expect(await respond({ conversationId: unknownId('Conversation') })).toMatchObject({
        code: 'NOT_FOUND',
        path: ['conversationId'],
      })
      expect(await everyRow(app.db)).toEqual(before)
    })
  })

  describe('editMessage', () => {
    test('writes a sibling of the message with an answer of its own, and the head goes there', async () => {
      const { app } = server
      const conversationId = await app.createConversation()
      const opening = await askAndWait(app, conversationId, 'Hello')
      const asked = await askAndWait(app, conversationId, 'How are yuo?')
      const payload = await succeed(app, 'editMessage', { messageId: asked.questionId, text: 'How are you?' })
      const edited = payload.userMessage!.id
      const { id: generationId, message: answer } = payload.generation!
      await ending(app, generationId)
      expect(await read(app, 'Message', edited, 'text parents { id } children { id }')).toEqual({
        text: 'How are you?',
        parents: [{ id: opening.answerId }],
        children: [{ id: answer.id }],
      })
      expect(await relatives(edited, 'siblings')).toEqual([asked.questionId, edited])
      expect(payload.conversation?.head).toEqual({ id: answer.id })
      expect(await headOf(app, conversationId)).toBe(answer.id)
      expect(await read(app, 'Message', asked.questionId, 'text')).toEqual({ text: 'How are yuo?' })
    })

    test('of the first message makes a second root', async () => {
      const { app } = server
      const conversationId = await app.createConversation()
      const asked = await askAndWait(app, conversationId, 'Helo')
      const payload = await succeed(app, 'editMessage', { messageId: asked.questionId, text: 'Hello' })
      await ending(app, payload.generation!.id)
      const root = payload.userMessage!.id
      expect(await relatives(root, 'parents')).toEqual([])
      expect(await relatives(root, 'siblings')).toEqual([asked.questionId, root])
      expect(await relatives(asked.questionId, 'siblings')).toEqual([asked.questionId, root])
      expect(await indexOf(asked.questionId)).toBe(0)
      expect(await indexOf(root)).toBe(1)
      expect(await threadOf(conversationId)).toEqual([root, payload.generation!.message.id])
    })

    test('refuses an answer, a text that can’t be sent, and what is not there', async () => {
      const { app } = server
      const { questionId, answerId } = await askAndWait(app, await app.createConversation())
      const before = await everyRow(app.db)
      const edit = (input: object) =>
        failure(app, 'editMessage', { messageId: questionId, text: 'x', ...input })
      expect(await edit({ messageId: answerId })).toMatchObject({ code: 'INVALID', path: ['messageId'] })
      expect(await edit({ text: '\n\t ' })).toMatchObject({ code: 'INVALID', path: ['text'] })
      expect(await edit({ messageId: unknownId('Message') })).toMatchObject({
        code: 'NOT_FOUND',
        path: ['messageId'],
      })
      expect(await everyRow(app.db)).toEqual(before)
    })
  })

  describe('regenerateMessage', () => {
    test('writes a sibling of the answer with the same model, whatever the default is', async () => {
      const { app, upstream } = server
      const conversationId = await app.createConversation()
      const generate = { modelId: 'claude-haiku-5-5' }
      const asked = await askAndWait(app, conversationId, 'Say it again', { generate })
      const payload = await succeed(app, 'regenerateMessage', { messageId: asked.answerId })
      const { id: generationId, message: answer } = payload.generation!
      await ending(app, generationId)
      expect(payload.userMessage).toEqual({ id: asked.questionId })
      expect(await relatives(answer.id, 'siblings')).toEqual([asked.answerId, answer.id])
      expect(await headOf(app, conversationId)).toBe(answer.id)
      expect(upstream.runs.at(-1)?.body).toEqual(upstream.runs.at(-2)?.body)
      expect(upstream.runs.at(-1)?.body['model']).toBe('claude-haiku-5-5')
    })

    test('takes another model for the same prompt', async () => {
      const { app, upstream } = server
      const asked = await askAndWait(app, await app.createConversation(), 'And you?')
      const { generation } = await succeed(app, 'regenerateMessage', {
        messageId: asked.answerId,
        generate: { modelId: 'claude-opus-5-5' },
      })
      await ending(app, generation!.id)
      expect(await read(app, 'Message', generation!.message.id, 'model { name }')).toEqual({
        model: { name: 'claude-opus-5-5' },
      })
      const [before, after] = upstream.runs.slice(-2).map(({ body }) => body)
      expect(after).toEqual({ ...before, model: 'claude-opus-5-5' })
    })

    test('refuses a person’s message and what is not there', async () => {
      const { app } = server
      const { questionId } = await askAndWait(app, await app.createConversation())
      const before = await everyRow(app.db)
      expect(await failure(app, 'regenerateMessage', { messageId: questionId })).toMatchObject({
        code: 'INVALID',
        path: ['messageId'],
      })
      expect(await failure(app, 'regenerateMessage', { messageId: unknownId('Message') })).toMatchObject({
        code: 'NOT_FOUND',
        path: ['messageId'],
      })
      expect(await everyRow(app.db)).toEqual(before)
    })
  })

  describe('the graph', () => {
    test('knows the siblings of each message, oldest first, and its place among them', async () => {
      const { app } = server
      const conversationId = await app.createConversation()
      const root = await say(app, conversationId, 'root')
      const siblings = []
      for (const text of ['a', 'b', 'c']) {
        siblings.push(await say(app, conversationId, text, { parentId: root }))
      }
      for (const [index, id] of siblings.entries()) {
        expect(await relatives(id, 'siblings')).toEqual(siblings)
        expect(await indexOf(id)).toBe(index)
        expect(await relatives(id, 'parents')).toEqual([root])
        expect(await relatives(id, 'children')).toEqual([])
      }
      expect(await relatives(root, 'children')).toEqual(siblings)
      expect(await relatives(root, 'siblings')).toEqual([root])
      expect(await indexOf(root)).toBe(0)
    })

    test('has one branch per leaf, newest first, and every message in the order of creation', async () => {
      const { app } = server
      const conversationId = await app.createConversation()
      const root = await say(app, conversationId, 'root')
      const left = await say(app, conversationId, 'left')
      const right = await say(app, conversationId, 'right', { parentId: root })
      const second = await say(app, conversationId, 'leaf', { parentId: left })
      const fields = 'branches { nodes { id } totalCount } messages(first: 10) { nodes { id } totalCount }'
      expect(await read(app, 'Conversation', conversationId, fields)).toEqual({
        branches: { nodes: [{ id: second }, { id: right }], totalCount: 2 },
        messages: { nodes: [root, left, right, second].map((id) => ({ id })), totalCount: 4 },
      })
    })

    test('only grows: what was said before an edit or a new answer is as it was', async () => {
      const { app } = server
      const conversationId = await app.createConversation()
      const asked = await askAndWait(app, conversationId, 'Once')
      const fields = 'text status hash createdAt parents { id } generation { id status finishedAt }'
      const before = [
        await read(app, 'Message', asked.questionId, fields),
        await read(app, 'Message', asked.answerId, fields),
      ]
      const edit = await succeed(app, 'editMessage', { messageId: asked.questionId, text: 'Twice' })
      const again = await succeed(app, 'regenerateMessage', { messageId: asked.answerId })
      for (const { generation } of [edit, again]) await ending(app, generation!.id)
      expect([
        await read(app, 'Message', asked.questionId, fields),
        await read(app, 'Message', asked.answerId, fields),
      ]).toEqual(before)
    })
  })

  async function relatives(id: string, name: 'parents' | 'children' | 'siblings'): Promise<string[]> {
    const found = await read<Record<string, Ids>>(server.app, 'Message', id, `${name} { id }`)
    return (found[name] ?? []).map((relative) => relative.id)
  }

  async function indexOf(id: string): Promise<number> {
    const message = await read<{ siblingIndex: number }>(server.app, 'Message', id, 'siblingIndex')
    return message.siblingIndex
  }

  async function threadOf(id: string): Promise<string[]> {
    const fields = 'thread { nodes { id } }'
    const { thread } = await read<{ thread: { nodes: Ids } }>(server.app, 'Conversation', id, fields)
    return thread.nodes.map((node) => node.id)
  }
})
