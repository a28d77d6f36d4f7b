import { describe, expect, test } from 'vitest'
import {
  askAndWait,
  errorsOf,
  everyRow,
  failure,
  type MutationName,
  read,
  say,
  succeed,
  unknownId,
} from '../../support/chat.ts'
import { databases } from '../../support/databases.ts'
import { shareServer } from '../../support/shared-server.ts'

const unstorable = [
  ['NUL', 'before \0 after'],
  ['the first half of a surrogate pair', 'before \ud83d after'],
  ['the second half of a surrogate pair', '\ude42'],
  ['half a pair at its end', 'before \ud83d'],
  ['200 KB', 'x'.repeat(200 * 1024)],
] as const

const blank = [
  ['nothing', ''],
  ['only white space', ' \n\t\r\u00a0\u2003\u3000\ufeff'],
] as const

describe.each(databases)('bad input on $name', ({ create }) => {
  const server = shareServer(create, { automatic: { tokens: 2 } })

  describe.each([...blank, ...unstorable])('a text with %s', (_what, text) => {
    test('is refused as a message, as an edit, and as a title', async () => {
      const { conversationId, questionId } = await askAndWait(
        server.app,
        await server.app.createConversation(),
      )
      await refused('text', 'sendMessage', { conversationId, text })
      await refused('text', 'sendMessage', { conversationId, text, generate: {} })
      await refused('text', 'editMessage', { messageId: questionId, text })
      await refused('title', 'createConversation', { title: text })
      await refused('title', 'updateConversation', { conversationId, title: text, starred: true })
    })
  })

  describe.each(unstorable)('a text with %s', (_what, text) => {
    test('is refused as a system prompt', async () => {
      const conversationId = await server.app.createConversation()
      await refused('systemPrompt', 'createConversation', { systemPrompt: text })
      await refused('systemPrompt', 'updateConversation', { conversationId, systemPrompt: text })
    })

    test('is refused as a clientMutationId of every mutation', async () => {
      const conversationId = await server.app.createConversation()
      const messageId = unknownId('Message')
      const inputs: Record<MutationName, object> = {
        createConversation: {},
        updateConversation: { conversationId },
        deleteConversation: { conversationId },
        setHead: { conversationId, leafId: messageId },
        sendMessage: { conversationId, text: 'Fine' },
        editMessage: { messageId, text: 'Fine' },
        regenerateMessage: { messageId },
        generateResponse: { conversationId, generate: {} },
        continueGeneration: { generationId: unknownId('Generation') },
        cancelGeneration: { generationId: unknownId('Generation') },
      }
      for (const [name, input] of Object.entries(inputs) as [MutationName, object][]) {
        await refused('clientMutationId', name, { ...input, clientMutationId: text })
      }
    })
  })

  test('a text is measured to the last unit', async () => {
    const { app } = server
    const conversationId = await app.createConversation()
    const longest = '🙂'.repeat(50_000)
    await refused('text', 'sendMessage', { conversationId, text: `${longest}!` })
    const id = await say(app, conversationId, longest)
    expect(await read(app, 'Message', id, 'text')).toEqual({ text: longest })
    await refused('title', 'updateConversation', { conversationId, title: 'x'.repeat(201) })
    await succeed(app, 'updateConversation', { conversationId, title: 'x'.repeat(200) })
    const clientMutationId = 'x'.repeat(256)
    await refused('clientMutationId', 'sendMessage', { conversationId, text: 'Fine', clientMutationId })
    await say(app, conversationId, 'Fine', { clientMutationId: clientMutationId.slice(1) })
  })

  test('a system prompt of only white space is none', async () => {
    const { app } = server
    const { conversation } = await succeed(app, 'createConversation', { systemPrompt: ' \n ' })
    const none = { systemPrompt: null }
    expect(await read(app, 'Conversation', conversation!.id, 'systemPrompt')).toEqual(none)
    const conversationId = conversation!.id
    await succeed(app, 'updateConversation', { conversationId, systemPrompt: 'Something' })
    await succeed(app, 'updateConversation', { conversationId, systemPrompt: '\t' })
    expect(await read(app, 'Conversation', conversationId, 'systemPrompt')).toEqual(none)
  })

  test('half a surrogate pair in the document itself is no GraphQL', async () => {
    const [error] = await errorsOf(
      server.app,
      String.raw`mutation { createConversation(input: { title: "\uD83D" }) { userErrors { code } } }`,
    )
    expect(error?.extensions?.code).toBe('GRAPHQL_PARSE_FAILED')
  })

  /** INVALID at `path`, with nothing written, by a process that goes on. */
  async function refused(path: string, name: MutationName, input: object): Promise<void> {
    const { app } = server
    const before = await everyRow(app.db)
    expect(await failure(app, name, input)).toMatchObject({ code: 'INVALID', path: [path] })
    expect(await everyRow(app.db)).toEqual(before)
    expect(await app.run('{ serverInfo { version } }')).toBeTruthy()
  }
})
