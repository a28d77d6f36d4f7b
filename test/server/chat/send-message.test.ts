import { describe, expect, test } from 'vitest'
import { fromGlobalId, type MessageId } from '../../../src/server/ids.ts'
import {
  ending,
  errorsOf,
  everyRow,
  failure,
  headOf,
  mutate,
  read,
  say,
  unknownId,
} from '../../support/chat.ts'
import { databases } from '../../support/databases.ts'
import { shareServer } from '../../support/shared-server.ts'

describe.each(databases)('sendMessage on $name', ({ create }) => {
  const server = shareServer(create)

  test('without `generate` it appends a message, moves the head there, and calls no model', async () => {
    const { app, upstream } = server
    const conversationId = await app.createConversation()
    const calls = upstream.runs.length
    const payload = await mutate(app, 'sendMessage', { conversationId, text: 'A note' })
    const id = payload.userMessage?.id
    expect(payload).toEqual({
      clientMutationId: null,
      userMessage: { id: expect.any(String) },
      generation: null,
      conversation: { id: conversationId, head: { id } },
      userErrors: [],
    })
    expect(await read(app, 'Message', id!, 'role status text author { name } parents { id }')).toEqual({
      role: 'USER',
      status: 'COMPLETED',
      text: 'A note',
      author: { name: 'You' },
      parents: [],
    })
    expect(await read(app, 'Conversation', conversationId, 'activeGenerations { id }')).toEqual({
      activeGenerations: [],
    })
    expect(upstream.runs.length).toBe(calls)
  })

  test('with `generate` it also starts one answer under the message, and the head is on the answer', async () => {
    const { app } = server
    const conversationId = await app.createConversation()
    const asked = await app.ask(conversationId, 'What is a head?')
    expect(await headOf(app, conversationId)).toBe(asked.answerId)
    const run = await server.run('What is a head?')
    await run.text('A leaf')
    await run.finish()
    await ending(app, asked.generationId)
    expect(
      await read(
        app,
        'Message',
        asked.answerId,
        'role status text author { id } model { name } parents { id }',
      ),
    ).toEqual({
      role: 'ASSISTANT',
      status: 'COMPLETED',
      text: 'A leaf',
      author: null,
      model: { name: 'claude-sonnet-5-5' },
      parents: [{ id: asked.questionId }],
    })
    expect(await headOf(app, conversationId)).toBe(asked.answerId)
  })

  test('without a parent it follows the head', async () => {
    const { app } = server
    const conversationId = await app.createConversation()
    const first = await say(app, conversationId, 'first')
    const second = await say(app, conversationId, 'second')
    expect(await parentsOf(second)).toEqual([first])
  })

  test('with an explicit parent it follows that one, and the head goes along', async () => {
    const { app } = server
    const conversationId = await app.createConversation()
    const first = await say(app, conversationId, 'first')
    await say(app, conversationId, 'second')
    const branch = await say(app, conversationId, 'another second', { parentId: first })
    expect(await parentsOf(branch)).toEqual([first])
    expect(await headOf(app, conversationId)).toBe(branch)
  })

  test('with the head that it expects it follows that one, and the head goes along', async () => {
    const { app } = server
    const conversationId = await app.createConversation()
    const first = await say(app, conversationId, 'first')
    const second = await say(app, conversationId, 'second', { expectedHeadId: first })
    expect(await parentsOf(second)).toEqual([first])
    expect(await headOf(app, conversationId)).toBe(second)
  })

  test('an explicit parent counts more than the expected head', async () => {
    const { app } = server
    const conversationId = await app.createConversation()
    const first = await say(app, conversationId, 'first')
    const second = await say(app, conversationId, 'second')
    const branch = await say(app, conversationId, 'branch', { parentId: first, expectedHeadId: second })
    expect(await parentsOf(branch)).toEqual([first])
    expect(await headOf(app, conversationId)).toBe(branch)
  })

  test('a stale send lands under what it named, as a branch: the head stays, the payload has the new leaf', async () => {
    const { app } = server
    const conversationId = await app.createConversation()
    const first = await say(app, conversationId, 'first')
    const second = await say(app, conversationId, 'second')
    const payload = await mutate(app, 'sendMessage', { conversationId, text: 'late', expectedHeadId: first })
    expect(payload.userErrors).toEqual([])
    expect(payload.conversation?.head).toEqual({ id: second })
    expect(await parentsOf(payload.userMessage!.id)).toEqual([first])
    expect(await headOf(app, conversationId)).toBe(second)
    expect(await branchesOf(conversationId)).toEqual([payload.userMessage!.id, second])
  })

  test('a stale send with an explicit parent leaves the head where it is as well', async () => {
    const { app } = server
    const conversationId = await app.createConversation()
    const first = await say(app, conversationId, 'first')
    const second = await say(app, conversationId, 'second')
    const late = await say(app, conversationId, 'late', { parentId: second, expectedHeadId: first })
    expect(await parentsOf(late)).toEqual([second])
    expect(await headOf(app, conversationId)).toBe(second)
  })

  test('a stale send may be answered: its answer is a leaf of its own', async () => {
    const { app } = server
    const conversationId = await app.createConversation()
    const first = await say(app, conversationId, 'first')
    const second = await say(app, conversationId, 'second')
    const late = await app.ask(conversationId, 'late question', { expectedHeadId: first })
    expect(await headOf(app, conversationId)).toBe(second)
    expect(await branchesOf(conversationId)).toEqual([late.answerId, second])
    await (await server.run('first\n\nlate question')).finish()
    await ending(app, late.generationId)
    expect(await headOf(app, conversationId)).toBe(second)
  })

  test.each(['PENDING', 'STREAMING'] as const)(
    'under a message that is %s everything is refused and nothing is written',
    async (status) => {
      const { app, upstream } = server
      const conversationId = await app.createConversation()
      const { answerId, generationId } = await app.ask(conversationId, `Take your time, ${status}`)
      const run = await server.run(`Take your time, ${status}`)
      const calls = upstream.runs.length
      const key = fromGlobalId(answerId)?.key as MessageId
      await app.db.updateTable('message').set({ status }).where('id', '=', key).execute()
      const before = await everyRow(app.db)

      const send = { conversationId, text: 'Hurry up', clientMutationId: `send under ${status}` }
      expect(await failure(app, 'sendMessage', send)).toMatchObject({ code: 'CONFLICT', path: null })
      const named = { ...send, parentId: answerId, generate: {} }
      expect(await failure(app, 'sendMessage', named)).toMatchObject({ code: 'CONFLICT', path: ['parentId'] })
      const expected = { ...send, expectedHeadId: answerId }
      expect(await failure(app, 'sendMessage', expected)).toMatchObject({
        code: 'CONFLICT',
        path: ['expectedHeadId'],
      })
      const respond = { conversationId, parentId: answerId, generate: {} }
      expect(await failure(app, 'generateResponse', respond)).toMatchObject({
        code: 'CONFLICT',
        path: ['parentId'],
      })

      expect(await everyRow(app.db)).toEqual(before)
      expect(upstream.runs.length).toBe(calls)
      await run.finish()
      await ending(app, generationId)
      expect(await parentsOf(await say(app, conversationId, 'Now then'))).toEqual([answerId])
    },
  )

  test('names what it can’t find, and writes nothing', async () => {
    const { app } = server
    const conversationId = await app.createConversation()
    const id = await say(app, conversationId, 'here')
    const elsewhere = await say(app, await app.createConversation(), 'there')
    const before = await everyRow(app.db)
    const send = (input: object) => failure(app, 'sendMessage', { conversationId, text: 'Hello', ...input })
    const nowhere = { code: 'NOT_FOUND', path: ['conversationId'] }
    expect(await send({ conversationId: unknownId('Conversation') })).toMatchObject(nowhere)
    expect(await send({ conversationId: 'no id at all' })).toMatchObject(nowhere)
    expect(await send({ conversationId: id })).toMatchObject(nowhere)
    const noParent = { code: 'NOT_FOUND', path: ['parentId'] }
    expect(await send({ parentId: unknownId('Message') })).toMatchObject(noParent)
    expect(await send({ parentId: conversationId })).toMatchObject(noParent)
    expect(await send({ parentId: elsewhere })).toMatchObject(noParent)
    const noHead = { code: 'NOT_FOUND', path: ['expectedHeadId'] }
    expect(await send({ expectedHeadId: elsewhere })).toMatchObject(noHead)
    expect(await everyRow(app.db)).toEqual(before)
  })

  test('called many times at once makes one path: each message follows the one before', async () => {
    const { app } = server
    const conversationId = await app.createConversation()
    const payloads = await Promise.all(
      Array.from({ length: 10 }, (_, number) =>
        mutate(app, 'sendMessage', { conversationId, text: String(number) }),
      ),
    )
    const ids = payloads.map(({ userMessage }) => ({ id: userMessage?.id }))
    const fields = 'messageCount branches { totalCount } thread { nodes { id } }'
    const found = await read<{ thread: { nodes: object[] } }>(app, 'Conversation', conversationId, fields)
    expect(found).toMatchObject({ messageCount: 10, branches: { totalCount: 1 } })
    expect(new Set(found.thread.nodes.map((node) => JSON.stringify(node)))).toEqual(
      new Set(ids.map((id) => JSON.stringify(id))),
    )
  })

  test('called many times at once with `generate` starts one answer, and the others wait for it', async () => {
    const { app } = server
    const conversationId = await app.createConversation()
    const text = 'One at a time'
    const payloads = await Promise.all(
      Array.from({ length: 10 }, () => mutate(app, 'sendMessage', { conversationId, text, generate: {} })),
    )
    const started = payloads.filter(({ userErrors }) => userErrors.length === 0)
    expect(started).toHaveLength(1)
    for (const { userErrors } of payloads.filter((payload) => payload !== started[0])) {
      expect(userErrors).toMatchObject([{ code: 'CONFLICT' }])
    }
    await (await server.run(text)).finish()
    await ending(app, started[0]!.generation!.id)
    expect(await read(app, 'Conversation', conversationId, 'messageCount')).toEqual({ messageCount: 2 })
  })

  test('two mutations of one operation fail and succeed apart', async () => {
    const { app } = server
    const conversationId = await app.createConversation()
    const document = `mutation ($good: SendMessageInput!, $bad: SendMessageInput!) {
      bad: sendMessage(input: $bad) { userMessage { id } userErrors { code } }
      good: sendMessage(input: $good) { userMessage { text } userErrors { code } } }`
    const good = { conversationId, text: 'I get through' }
    expect(await app.run(document, { good, bad: { ...good, text: ' ' } })).toEqual({
      bad: { userMessage: null, userErrors: [{ code: 'INVALID' }] },
      good: { userMessage: { text: 'I get through' }, userErrors: [] },
    })
  })

  test('a message without a text never becomes an operation', async () => {
    const conversationId = await server.app.createConversation()
    const [error] = await errorsOf(
      server.app,
      'mutation ($input: SendMessageInput!) { sendMessage(input: $input) { userErrors { code } } }',
      { input: { conversationId } },
    )
    expect(error?.extensions?.code).toBe('BAD_USER_INPUT')
  })

  async function parentsOf(id: string): Promise<string[]> {
    const { parents } = await read<{ parents: { id: string }[] }>(server.app, 'Message', id, 'parents { id }')
    return parents.map((parent) => parent.id)
  }

  async function branchesOf(id: string): Promise<string[]> {
    const fields = 'branches { nodes { id } }'
    const { branches } = await read<{ branches: { nodes: { id: string }[] } }>(
      server.app,
      'Conversation',
      id,
      fields,
    )
    return branches.nodes.map((node) => node.id)
  }
})
