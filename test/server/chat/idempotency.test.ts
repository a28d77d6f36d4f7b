import { randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import { describe, expect, test } from 'vitest'
import { newId, type ViewerId } from '../../../src/server/ids.ts'
import type { Asked } from '../../support/app.ts'
import {
  ending,
  everyRow,
  failure,
  type MutationName,
  mutate,
  type Payload,
  read,
  say,
  succeed,
  unknownId,
} from '../../support/chat.ts'
import { databases } from '../../support/databases.ts'
import { shareServer } from '../../support/shared-server.ts'

/** What a mutation is called with in a conversation that has one question, its answer and a run under way. */
type Inputs = (asked: Asked & { readonly runningId: string }) => {
  readonly input: object
  /** What is different about another input. */
  readonly other: object
  /** What the model is asked, where it is. */
  readonly prompt?: string
}

const mutations: Record<MutationName, Inputs> = {
  createConversation: () => ({ input: { title: 'Once' }, other: { title: 'Twice' } }),
  updateConversation: ({ conversationId }) => ({
    input: { conversationId, title: 'Once' },
    other: { title: 'Twice' },
  }),
  deleteConversation: ({ conversationId }) => ({
    input: { conversationId },
    other: { conversationId: unknownId('Conversation') },
  }),
  setHead: ({ conversationId, questionId, answerId }) => ({
    input: { conversationId, leafId: questionId },
    other: { leafId: answerId },
  }),
  sendMessage: ({ conversationId, answerId }) => ({
    input: { conversationId, parentId: answerId, text: 'Once', generate: { maxOutputTokens: 9 } },
    other: { generate: { maxOutputTokens: 10 } },
    prompt: 'Once',
  }),
  editMessage: ({ questionId }) => ({
    input: { messageId: questionId, text: 'Once' },
    other: { text: 'Twice' },
    prompt: 'Once',
  }),
  generateResponse: ({ conversationId, questionId }) => ({
    input: { conversationId, parentId: questionId, generate: {} },
    other: { generate: { effort: 'LOW' } },
    prompt: 'Hello',
  }),
  regenerateMessage: ({ answerId }) => ({
    input: { messageId: answerId },
    other: { generate: { modelId: 'claude-opus-5-5' } },
    prompt: 'Hello',
  }),
  continueGeneration: ({ generationId }) => ({
    input: { generationId },
    other: { generate: { effort: 'LOW' } },
    prompt: 'Continue exactly where you stopped.',
  }),
  cancelGeneration: ({ runningId }) => ({
    input: { generationId: runningId },
    other: { generationId: unknownId('Generation') },
  }),
}

/** How many messages a mutation makes. */
const newMessages: Partial<Record<MutationName, number>> = {
  sendMessage: 2,
  editMessage: 2,
  continueGeneration: 2,
  generateResponse: 1,
  regenerateMessage: 1,
}

const everyMutation = Object.entries(mutations) as [MutationName, Inputs][]

describe.each(databases)('clientMutationId on $name', ({ create }) => {
  const server = shareServer(create)

  test.each(everyMutation)('makes 20 calls of %s at once have one effect', async (name, inputs) => {
    const { app, upstream } = server
    const { input, other, prompt } = inputs(await prepare())
    const repeated = { ...input, clientMutationId: randomUUID() }
    const calls = upstream.runs.length
    const before = await counts()

    const payloads = await Promise.all(Array.from({ length: 20 }, () => mutate(app, name, repeated)))
    const [first] = payloads
    expect(first).toMatchObject({ clientMutationId: repeated.clientMutationId, userErrors: [] })
    expect(new Set(payloads.map((payload) => JSON.stringify(payload))).size).toBe(1)
    if (prompt) await finish(first!, prompt)

    const after = await counts()
    expect(upstream.runs.length - calls).toBe(prompt ? 1 : 0)
    expect(after['generation']! - before['generation']!).toBe(prompt ? 1 : 0)
    expect(after['idempotency']! - before['idempotency']!).toBe(1)
    expect(after['message']! - before['message']!).toBe(newMessages[name] ?? 0)
    expect(after['conversation']! - before['conversation']!).toBe(name === 'createConversation' ? 1 : 0)

    const rows = await everyRow(app.db)
    expect(await mutate(app, name, repeated)).toEqual(first)
    expect(await failure(app, name, { ...repeated, ...other })).toMatchObject({
      code: 'IDEMPOTENCY_MISMATCH',
      path: ['clientMutationId'],
    })
    expect(await everyRow(app.db)).toEqual(rows)
  })

  test('takes a field that is null and one that is left out for the same input', async () => {
    const { app } = server
    const conversationId = await app.createConversation()
    const send = { clientMutationId: randomUUID(), conversationId, text: 'Nothing else' }
    const first = await succeed(app, 'sendMessage', send)
    const nulls = { ...send, parentId: null, expectedHeadId: null, generate: null }
    expect(await mutate(app, 'sendMessage', nulls)).toEqual(first)
    const asked = { ...send, clientMutationId: randomUUID(), text: 'And an answer', generate: {} }
    const second = await succeed(app, 'sendMessage', asked)
    const nested = { ...asked, generate: { modelId: null, stop: null, effort: null } }
    expect(await mutate(app, 'sendMessage', nested)).toEqual(second)
    await finish(second, 'Nothing else\n\nAnd an answer')
  })

  test('of two inputs that come at once with one key takes one and refuses the other', async () => {
    const { app } = server
    const conversationId = await app.createConversation()
    const clientMutationId = randomUUID()
    const payloads = await Promise.all(
      ['this', 'that'].map((text) => mutate(app, 'sendMessage', { clientMutationId, conversationId, text })),
    )
    expect(payloads.flatMap(({ userErrors }) => userErrors)).toMatchObject([{ code: 'IDEMPOTENCY_MISMATCH' }])
    expect(await read(app, 'Conversation', conversationId, 'messageCount')).toEqual({ messageCount: 1 })
  })

  test('of fewer than 16 characters is only echoed', async () => {
    const { app } = server
    const conversationId = await app.createConversation()
    const send = { clientMutationId: 'x'.repeat(15), conversationId, text: 'Again' }
    const payloads = [await succeed(app, 'sendMessage', send), await succeed(app, 'sendMessage', send)]
    expect(payloads.map((payload) => payload.clientMutationId)).toEqual(['x'.repeat(15), 'x'.repeat(15)])
    expect(payloads[0]?.userMessage).not.toEqual(payloads[1]?.userMessage)
    const long = { ...send, clientMutationId: 'x'.repeat(16) }
    const { userMessage } = await succeed(app, 'sendMessage', long)
    expect((await succeed(app, 'sendMessage', long)).userMessage).toEqual(userMessage)
  })

  test('counts for each mutation by itself', async () => {
    const { app } = server
    const clientMutationId = randomUUID()
    const { conversation } = await succeed(app, 'createConversation', { clientMutationId, title: 'Made' })
    const change = { clientMutationId, conversationId: conversation!.id, title: 'Changed' }
    await succeed(app, 'updateConversation', change)
    expect(await read(app, 'Conversation', conversation!.id, 'title')).toEqual({ title: 'Changed' })
  })

  test('of a call that failed can be used again, also with another input', async () => {
    const { app } = server
    const { conversationId, generationId } = await app.ask(await app.createConversation(), 'A moment')
    const run = await server.run('A moment')
    const send = { clientMutationId: randomUUID(), conversationId, text: 'Wait' }
    expect(await failure(app, 'sendMessage', { ...send, text: '' })).toMatchObject({ code: 'INVALID' })
    expect(await failure(app, 'sendMessage', send)).toMatchObject({ code: 'CONFLICT' })
    await run.finish()
    await ending(app, generationId)
    const { userMessage } = await succeed(app, 'sendMessage', send)
    expect((await succeed(app, 'sendMessage', send)).userMessage).toEqual(userMessage)
  })

  test('is forgotten after 24 hours, and not before', async () => {
    const { app } = server
    const conversationId = await app.createConversation()
    const send = { clientMutationId: randomUUID(), conversationId, text: 'Good morning' }
    const first = await succeed(app, 'sendMessage', send)
    await age(send.clientMutationId, '23 hours 59 minutes')
    expect((await succeed(app, 'sendMessage', send)).userMessage).toEqual(first.userMessage)
    await age(send.clientMutationId, '24 hours 1 minute')
    const second = await succeed(app, 'sendMessage', { ...send, text: 'Good morning again' })
    expect(second.userMessage).not.toEqual(first.userMessage)
    expect(await failure(app, 'sendMessage', send)).toMatchObject({ code: 'IDEMPOTENCY_MISMATCH' })
  })

  test('returns the entities as they are by then', async () => {
    const { app } = server
    const conversationId = await app.createConversation()
    const send = { clientMutationId: randomUUID(), conversationId, text: 'First' }
    const { userMessage } = await succeed(app, 'sendMessage', send)
    const second = await say(app, conversationId, 'Second')
    const repeated = await succeed(app, 'sendMessage', send)
    expect(repeated.userMessage).toEqual(userMessage)
    expect(repeated.conversation).toEqual({ id: conversationId, head: { id: second } })
    await succeed(app, 'deleteConversation', { conversationId })
    expect(await mutate(app, 'sendMessage', send)).toEqual({
      clientMutationId: send.clientMutationId,
      userMessage: null,
      generation: null,
      conversation: null,
      userErrors: [],
    })
  })

  test('comes back in the events of the mutation, to the viewer who called it and to nobody else', async () => {
    const { app } = server
    const clientMutationId = 'short'
    const conversationId = await app.createConversation()
    await say(app, conversationId, 'Mine', { clientMutationId })
    expect(await mutationIdsOf(conversationId)).toEqual([undefined, clientMutationId, clientMutationId])
    const other = newId<ViewerId>()
    await app.db
      .insertInto('viewer')
      .values({ id: other, handle: other, name: 'Other', email: null, role: 'MEMBER' })
      .execute()
    await app.db
      .updateTable('conversation_event')
      .set({ viewer_id: other })
      .where('client_mutation_id', '=', clientMutationId)
      .execute()
    expect(await mutationIdsOf(conversationId)).toEqual([undefined, undefined, undefined])
  })

  /** A conversation with a question, its answer, which was cut, and a second answer that is being written. */
  async function prepare(): Promise<Asked & { runningId: string }> {
    const { app } = server
    const asked = await app.ask(await app.createConversation(), 'Hello')
    const run = await server.run('Hello')
    await run.text('Hi')
    await run.finish('max_tokens')
    await ending(app, asked.generationId)
    const { generation } = await succeed(app, 'regenerateMessage', { messageId: asked.answerId })
    await server.run('Hello')
    return { ...asked, runningId: generation!.id }
  }

  async function finish({ generation }: Payload, prompt: string): Promise<void> {
    await (await server.run(prompt)).finish()
    await ending(server.app, generation!.id)
  }

  async function counts(): Promise<Record<string, number>> {
    const rows = Object.entries(await everyRow(server.app.db))
    return Object.fromEntries(rows.map(([table, text]) => [table, text === '' ? 0 : text.split('\n').length]))
  }

  async function age(key: string, by: string): Promise<void> {
    await server.app.db
      .updateTable('idempotency')
      .set({ created_at: sql<Date>`clock_timestamp() - ${by}::interval` })
      .where('key', '=', key)
      .execute()
  }

  /** `clientMutationId` of every event of a conversation that has three. */
  async function mutationIdsOf(conversationId: string): Promise<unknown[]> {
    const ids = []
    for await (const event of server.app.followConversation(conversationId, { args: 'fromStart: true' })) {
      ids.push(event['clientMutationId'] ?? undefined)
      if (ids.length === 3) break
    }
    return ids
  }
})
