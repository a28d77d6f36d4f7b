import { describe, expect, test } from 'vitest'
import {
  ending,
  errorsOf,
  everyRow,
  failure,
  mutate,
  mutationDocument,
  read,
  say,
  succeed,
  unknownId,
} from '../../support/chat.ts'
import { databases } from '../../support/databases.ts'
import { shareServer } from '../../support/shared-server.ts'

const settings = 'title systemPrompt starred archivedAt defaultModel { name }'

describe.each(databases)('conversations on $name', ({ create }) => {
  const server = shareServer(create)

  describe('createConversation', () => {
    test('makes an empty conversation', async () => {
      const { app } = server
      const id = await app.createConversation()
      const fields = `${settings} messageCount lastMessagePreview deletedAt owner { id name }
        permissions { canRead canWrite canShare canAdmin } head { id } thread { nodes { id } totalCount }
        messages { totalCount } branches { totalCount } activeGenerations { id }`
      const { viewer } = await app.run<{ viewer: { id: string } }>('{ viewer { id } }')
      expect(await read(app, 'Conversation', id, fields)).toEqual({
        title: 'New conversation',
        systemPrompt: null,
        starred: false,
        archivedAt: null,
        defaultModel: null,
        messageCount: 0,
        lastMessagePreview: null,
        deletedAt: null,
        owner: { id: viewer.id, name: 'You' },
        permissions: { canRead: true, canWrite: true, canShare: true, canAdmin: true },
        head: null,
        thread: { nodes: [], totalCount: 0 },
        messages: { totalCount: 0 },
        branches: { totalCount: 0 },
        activeGenerations: [],
      })
    })

    test('takes a title, a system prompt and a default model', async () => {
      const { app } = server
      const input = { title: 'Plans', systemPrompt: 'Be brief', defaultModelId: 'claude-haiku-5-5' }
      const { conversation } = await succeed(app, 'createConversation', input)
      expect(await read(app, 'Conversation', conversation!.id, settings)).toMatchObject({
        title: 'Plans',
        systemPrompt: 'Be brief',
        defaultModel: { name: 'claude-haiku-5-5' },
      })
    })
  })

  describe('updateConversation', () => {
    const before = { title: 'Before', systemPrompt: 'Old', defaultModelId: 'claude-haiku-5-5' }
    const asRead = {
      title: 'Before',
      systemPrompt: 'Old',
      defaultModel: { name: 'claude-haiku-5-5' },
      starred: false,
      archivedAt: null,
    }

    test.each([
      ['the title', { title: 'After' }, { title: 'After' }],
      ['the system prompt', { systemPrompt: 'New' }, { systemPrompt: 'New' }],
      ['the system prompt, to none', { systemPrompt: '' }, { systemPrompt: null }],
      [
        'the default model',
        { defaultModelId: 'claude-opus-5-5' },
        { defaultModel: { name: 'claude-opus-5-5' } },
      ],
      ['the star', { starred: true }, { starred: true }],
      ['whether it is archived', { archived: true }, { archivedAt: expect.any(String) }],
      ['nothing', {}, {}],
    ])('changes %s and nothing else', async (_what, input, change) => {
      const { app } = server
      const { conversation } = await succeed(app, 'createConversation', before)
      const conversationId = conversation!.id
      await succeed(app, 'updateConversation', { conversationId, ...input })
      expect(await read(app, 'Conversation', conversationId, settings)).toEqual({ ...asRead, ...change })
    })

    test('archives once, and takes back from the archive and the stars', async () => {
      const { app } = server
      const conversationId = await app.createConversation()
      await succeed(app, 'updateConversation', { conversationId, archived: true, starred: true })
      const archived = await read<{ archivedAt: string }>(app, 'Conversation', conversationId, 'archivedAt')
      await succeed(app, 'updateConversation', { conversationId, archived: true })
      expect(await read(app, 'Conversation', conversationId, 'archivedAt')).toEqual(archived)
      await succeed(app, 'updateConversation', { conversationId, archived: false, starred: false })
      expect(await read(app, 'Conversation', conversationId, 'archivedAt starred')).toEqual({
        archivedAt: null,
        starred: false,
      })
    })

    test('stars without bringing the conversation to the top of anybody’s list', async () => {
      const { app } = server
      const conversationId = await app.createConversation()
      const before = await read(app, 'Conversation', conversationId, 'updatedAt')
      await succeed(app, 'updateConversation', { conversationId, starred: true })
      expect(await read(app, 'Conversation', conversationId, 'updatedAt')).toEqual(before)
    })

    test('refuses what can’t be taken, all or nothing', async () => {
      const { app } = server
      const conversationId = await app.createConversation()
      const rows = await everyRow(app.db)
      const update = (input: object) => failure(app, 'updateConversation', { conversationId, ...input })
      const good = { title: 'Good', starred: true }
      expect(await update({ ...good, title: ' ' })).toMatchObject({ code: 'INVALID', path: ['title'] })
      expect(await update({ ...good, title: 'x'.repeat(201) })).toMatchObject({
        code: 'INVALID',
        path: ['title'],
      })
      expect(await update({ ...good, defaultModelId: 'gpt' })).toMatchObject({
        code: 'INVALID',
        path: ['defaultModelId'],
      })
      expect(await update({ ...good, conversationId: unknownId('Conversation') })).toMatchObject({
        code: 'NOT_FOUND',
        path: ['conversationId'],
      })
      expect(await everyRow(app.db)).toEqual(rows)
    })
  })

  test('`updatedAt` moves with every message and change, `createdAt` never', async () => {
    const { app } = server
    const conversationId = await app.createConversation()
    type Times = { createdAt: string; updatedAt: string }
    const times = () => read<Times>(app, 'Conversation', conversationId, 'createdAt updatedAt')
    const seen = [await times()]
    const { generationId } = await app.ask(conversationId, 'What time is it?')
    seen.push(await times())
    const run = await server.run('What time is it?')
    await run.finish()
    await ending(app, generationId)
    seen.push(await times())
    await succeed(app, 'updateConversation', { conversationId, title: 'Time' })
    seen.push(await times())
    const updates = seen.map(({ updatedAt }) => updatedAt)
    expect(updates).toEqual([...updates].sort())
    expect(new Set(seen.map(({ createdAt }) => createdAt)).size).toBe(1)
    expect(updates[0]! < updates.at(-1)!).toBe(true)
  })

  describe('the title that nobody gave', () => {
    const family = '👩🏽‍👩🏽‍👧🏽‍👦🏽'

    test.each([
      ['the first message, as long as it is short', 'Hello there', 'Hello there'],
      ['without the white space around it', '\n\n  Hello\t\n', 'Hello'],
      ['60 characters of it', 'x'.repeat(61), 'x'.repeat(60)],
      ['characters as people see them, none of them split', family.repeat(61), family.repeat(60)],
      ['letters together with their accents', 'e\u0301'.repeat(61), 'e\u0301'.repeat(60)],
    ])('is %s', async (_what, text, title) => {
      const { app } = server
      const conversationId = await app.createConversation()
      await say(app, conversationId, text)
      expect(await read(app, 'Conversation', conversationId, 'title')).toEqual({ title })
    })

    test('stays when more is said or the first message is edited', async () => {
      const { app } = server
      const conversationId = await app.createConversation()
      const { questionId, generationId } = await app.ask(conversationId, 'Frist')
      const generations = [generationId]
      const edit = await succeed(app, 'editMessage', { messageId: questionId, text: 'First' })
      generations.push(edit.generation!.id)
      for (const prompt of ['Frist', 'First']) await (await server.run(prompt)).finish()
      for (const id of generations) await ending(app, id)
      await say(app, conversationId, 'Second')
      expect(await read(app, 'Conversation', conversationId, 'title')).toEqual({ title: 'Frist' })
    })

    test('never takes the place of a given one', async () => {
      const { app } = server
      const { conversation } = await succeed(app, 'createConversation', { title: 'Given' })
      await say(app, conversation!.id, 'Said')
      expect(await read(app, 'Conversation', conversation!.id, 'title')).toEqual({ title: 'Given' })
    })
  })

  describe('messageCount and lastMessagePreview', () => {
    test('tell the truth after everything that can happen', async () => {
      const { app } = server
      const conversationId = await app.createConversation()
      await expectTruth(conversationId, 0, null)
      await say(app, conversationId, 'First')
      await expectTruth(conversationId, 1, 'First')
      const asked = await app.ask(conversationId, 'Second')
      await expectTruth(conversationId, 3, 'Second')
      const run = await server.run('First\n\nSecond')
      await run.text('Answer')
      await run.finish()
      await ending(app, asked.generationId)
      await expectTruth(conversationId, 3, 'Answer')
      const { generation } = await succeed(app, 'regenerateMessage', { messageId: asked.answerId })
      await expectTruth(conversationId, 4, 'Answer')
      await (await server.run('First\n\nSecond')).fail({ status: 401, type: 'authentication_error' })
      await ending(app, generation!.id)
      await expectTruth(conversationId, 4, 'Answer')
      const edit = await succeed(app, 'editMessage', { messageId: asked.questionId, text: 'Third' })
      await expectTruth(conversationId, 6, 'Third')
      const edited = await server.run('First\n\nThird')
      await edited.text('Cut sh')
      await shown(edit.generation!.id)
      await succeed(app, 'cancelGeneration', { generationId: edit.generation!.id })
      await expectTruth(conversationId, 6, 'Cut sh')
    })

    test('the preview is the beginning of the newest message, at most 200 characters', async () => {
      const { app } = server
      const conversationId = await app.createConversation()
      await say(app, conversationId, `${'🙂'.repeat(150)}${'x'.repeat(150)}`)
      await expectTruth(conversationId, 1, '🙂'.repeat(150) + 'x'.repeat(50))
    })

    test('an answer that ends late is not the newest message', async () => {
      const { app } = server
      const conversationId = await app.createConversation()
      const slow = await app.ask(conversationId, 'Slow')
      const edit = await succeed(app, 'editMessage', { messageId: slow.questionId, text: 'Fast' })
      const [slowly, quickly] = [await server.run('Slow'), await server.run('Fast')]
      await quickly.text('Done')
      await quickly.finish()
      await ending(app, edit.generation!.id)
      await expectTruth(conversationId, 4, 'Done')
      await slowly.text('At last')
      await slowly.finish()
      await ending(app, slow.generationId)
      await expectTruth(conversationId, 4, 'Done')
    })

    async function expectTruth(id: string, messageCount: number, lastMessagePreview: string | null) {
      const fields = 'messageCount lastMessagePreview messages(first: 100) { nodes { id } }'
      const found = await read<{ messages: { nodes: unknown[] } }>(server.app, 'Conversation', id, fields)
      expect(found).toMatchObject({ messageCount, lastMessagePreview })
      expect(found.messages.nodes).toHaveLength(messageCount)
    }

    /** Resolves once some text of a run has been shown. */
    async function shown(generationId: string): Promise<void> {
      for await (const event of server.app.follow(generationId)) if (event.__typename === 'PartDelta') return
    }
  })

  describe('deleteConversation', () => {
    test('takes away everything that belongs to it, and cancels its runs', async () => {
      const { app } = server
      const conversationId = await app.createConversation()
      const done = await app.ask(conversationId, 'Done')
      await (await server.run('Done')).finish()
      await ending(app, done.generationId)
      const asked = await app.ask(conversationId, 'Not done')
      const run = await server.run('Done\n\nNot done')
      await run.text('I was about to')
      const payload = await mutate(app, 'deleteConversation', { conversationId })
      expect(payload).toMatchObject({ deletedConversationId: conversationId, userErrors: [] })
      await run.closed
      const { conversationId: c, questionId: m, generationId: g } = asked
      const query = `query ($c: ID!, $m: ID!, $g: ID!) {
        conversation(id: $c) { id } message(id: $m) { id } generation(id: $g) { id }
        c: node(id: $c) { id } nodes(ids: [$c, $m, $g]) { id } viewer { conversations(last: 1) { nodes { id } } } }`
      expect(await app.run(query, { c, m, g })).toMatchObject({
        conversation: null,
        message: null,
        generation: null,
        c: null,
        nodes: [null, null, null],
      })
      const listed = await app.run('{ viewer { conversations(first: 100) { nodes { id } } } }')
      expect(JSON.stringify(listed)).not.toContain(conversationId)
    })

    test.each([
      ['updateConversation', 'conversationId', { title: 'x' }],
      ['deleteConversation', 'conversationId', {}],
      ['sendMessage', 'conversationId', { text: 'x' }],
      ['generateResponse', 'conversationId', { generate: {} }],
      ['editMessage', 'messageId', { text: 'x' }],
      ['regenerateMessage', 'messageId', {}],
      ['setHead', 'conversationId', {}],
      ['cancelGeneration', 'generationId', {}],
    ] as const)('%s finds nothing of it any more', async (name, path, input) => {
      const { app } = server
      const asked = await app.ask(await app.createConversation(), `Before ${name}`)
      await (await server.run(`Before ${name}`)).finish()
      await ending(app, asked.generationId)
      const { conversationId, questionId, answerId, generationId } = asked
      await succeed(app, 'deleteConversation', { conversationId })
      const ids = {
        updateConversation: { conversationId },
        deleteConversation: { conversationId },
        sendMessage: { conversationId },
        generateResponse: { conversationId, parentId: questionId },
        editMessage: { messageId: questionId },
        regenerateMessage: { messageId: answerId },
        setHead: { conversationId, leafId: answerId },
        cancelGeneration: { generationId },
      }[name]
      const before = await everyRow(app.db)
      expect(await failure(app, name, { ...ids, ...input })).toMatchObject({
        code: 'NOT_FOUND',
        path: [path],
      })
      expect(await everyRow(app.db)).toEqual(before)
    })
  })

  test('an input that no schema knows never becomes an operation', async () => {
    const [error] = await errorsOf(server.app, mutationDocument('createConversation'), {
      input: { colour: 'red' },
    })
    expect(error?.extensions?.code).toBe('BAD_USER_INPUT')
  })
})
