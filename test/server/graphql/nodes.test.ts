import { beforeAll, describe, expect, test } from 'vitest'
import {
  type ConversationId,
  fromGlobalId,
  newId,
  toGlobalId,
  type ViewerId,
} from '../../../src/server/ids.ts'
import type { Asked } from '../../support/app.ts'
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

describe.each(databases)('nodes on $name', ({ create }) => {
  const server = shareServer(create, { automatic: { tokens: 2 } })
  let asked: Asked
  /** An id of each type that has them. */
  let ids: Record<string, string>

  beforeAll(async () => {
    const { app } = server
    asked = await askAndWait(app, await app.createConversation())
    const { viewer, models } = await app.run<{
      viewer: { id: string }
      models: { nodes: { id: string; provider: { id: string } }[] }
    }>('{ viewer { id } models { nodes { id provider { id } } } }')
    ids = {
      User: viewer.id,
      Conversation: asked.conversationId,
      Message: asked.answerId,
      Generation: asked.generationId,
      Model: models.nodes[0]!.id,
      Provider: models.nodes[0]!.provider.id,
    }
  })

  test.each(['User', 'Conversation', 'Message', 'Generation', 'Model', 'Provider'])(
    'a %s is found by its id',
    async (type) => {
      const id = ids[type]
      expect(await server.app.run('query ($id: ID!) { node(id: $id) { __typename id } }', { id })).toEqual({
        node: { __typename: type, id },
      })
    },
  )

  test('ids are opaque, URL-safe and stay the same', async () => {
    for (const id of Object.values(ids)) expect(id).toMatch(/^[\w-]+$/)
    const again = await read<{ id: string }>(server.app, 'Message', asked.answerId, 'id')
    expect(again.id).toBe(asked.answerId)
  })

  test('several are found in the order of their ids, repeated and missing ones included', async () => {
    const { User, Message, Model, Generation } = ids
    const wanted = [Message, unknownId('Message'), Model, User, 'nonsense', Message, Generation]
    const query = 'query ($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }'
    expect(await server.app.run(query, { ids: wanted })).toEqual({
      nodes: [
        { __typename: 'Message', id: Message },
        null,
        { __typename: 'Model', id: Model },
        { __typename: 'User', id: User },
        null,
        { __typename: 'Message', id: Message },
        { __typename: 'Generation', id: Generation },
      ],
    })
  })

  const uuid = '01900000-0000-7000-8000-000000000000'

  test.each([
    ['nothing', ''],
    ['no base64', '%%%'],
    ['no type', Buffer.from(uuid).toString('base64url')],
    ['a type that is none', toGlobalId('Nobody', uuid)],
    ['a type that is no node', toGlobalId('Query', uuid)],
    ['a key that is none', toGlobalId('Message', 'x')],
    ['NUL', toGlobalId('Model', 'a\0b')],
    ['a model that is none', toGlobalId('Model', 'anthropic:nobody')],
    ['a provider that is none', toGlobalId('Provider', 'nobody')],
    ['a name that every object has', toGlobalId('constructor', uuid)],
    ['another one', toGlobalId('toString', uuid)],
    ['and one more', toGlobalId('hasOwnProperty', uuid)],
    ...['User', 'Conversation', 'Message', 'Generation'].map((type) => [
      `an unknown ${type}`,
      unknownId(type),
    ]),
  ])('an id that is none is null: %s', async (_what, id) => {
    const query = `query ($id: ID!) { node(id: $id) { id } nodes(ids: [$id]) { id }
      conversation(id: $id) { id } message(id: $id) { id } generation(id: $id) { id } }`
    expect(await server.app.run(query, { id })).toEqual({
      node: null,
      nodes: [null],
      conversation: null,
      message: null,
      generation: null,
    })
  })

  test('an id of another type finds nothing, and one that is written otherwise is another one', async () => {
    const { Message, Conversation } = ids
    const query = `query ($message: ID!, $conversation: ID!, $padded: ID!) {
      message(id: $conversation) { id } conversation(id: $message) { id } node(id: $padded) { id } }`
    const variables = { message: Message, conversation: Conversation, padded: `${Message}=` }
    expect(await server.app.run(query, variables)).toEqual({ message: null, conversation: null, node: null })
  })

  test('a model is known by name after it is listed no more', async () => {
    const { app, upstream } = server
    const { key } = fromGlobalId(asked.conversationId)!
    await app.db
      .updateTable('conversation')
      .set({ default_model: 'anthropic:claude-once' })
      .where('id', '=', key as ConversationId)
      .execute()
    const fields = 'defaultModel { name displayName available provider { name } }'
    expect(await read(app, 'Conversation', asked.conversationId, fields)).toEqual({
      defaultModel: {
        name: 'claude-once',
        displayName: 'claude-once',
        available: false,
        provider: { name: 'anthropic' },
      },
    })
    await askAndWait(app, asked.conversationId, 'Who answers now?')
    expect(upstream.runs.at(-1)?.body['model']).toBe('claude-sonnet-5-5')
  })

  test('models are listed in pages, the demo last', async () => {
    const { app } = server
    type Models = { models: { nodes: { name: string }[]; pageInfo: object; edges: { cursor: string }[] } }
    const fields = 'nodes { name } edges { cursor } pageInfo { hasNextPage hasPreviousPage } totalCount'
    const { models } = await app.run<Models>(`{ models { ${fields} } }`)
    const names = models.nodes.map(({ name }) => name)
    expect(names).toEqual(['claude-sonnet-5-5', 'claude-opus-5-5', 'claude-haiku-5-5', 'demo'])
    const rest = await app.run<Models>(
      `query ($after: String) { models(first: 2, after: $after) { ${fields} } }`,
      { after: models.edges[1]?.cursor },
    )
    expect(rest.models).toMatchObject({
      nodes: [{ name: 'claude-haiku-5-5' }, { name: 'demo' }],
      pageInfo: { hasNextPage: false, hasPreviousPage: true },
      totalCount: 4,
    })
    for (const args of [
      'after: "garbage"',
      'after: ""',
      `after: "${ids['Message']}"`,
      'first: -1',
      'first: 101',
    ]) {
      const [error] = await errorsOf(app, `{ models(${args}) { totalCount } }`)
      expect(error?.extensions?.code).toBe('BAD_USER_INPUT')
    }
  })

  test('the server and the viewer say what they are', async () => {
    const query = `{ serverInfo { version schemaVersion features defaultModel { name } }
      viewer { name email avatarUrl role } }`
    expect(await server.app.run(query)).toEqual({
      serverInfo: {
        version: expect.stringMatching(/^\d+\.\d+\.\d+/),
        schemaVersion: expect.stringMatching(/^[0-9a-f]{12}$/),
        features: expect.any(Array),
        defaultModel: { name: 'claude-sonnet-5-5' },
      },
      viewer: { name: 'You', email: null, avatarUrl: null, role: 'ADMIN' },
    })
  })

  test('what belongs to somebody else can neither be seen nor touched', async () => {
    const { app } = server
    const theirs = await askAndWait(app, await app.createConversation(), 'Private')
    const leafId = await say(app, theirs.conversationId, 'More')
    const owner_id = newId<ViewerId>()
    await app.db
      .insertInto('viewer')
      .values({ id: owner_id, handle: owner_id, name: 'Somebody else', email: null, role: 'MEMBER' })
      .execute()
    const key = fromGlobalId(theirs.conversationId)?.key as ConversationId
    await app.db.updateTable('conversation').set({ owner_id }).where('id', '=', key).execute()

    const query = `query ($c: ID!, $m: ID!, $g: ID!, $u: ID!) { nodes(ids: [$c, $m, $g, $u]) { id }
      viewer { conversations(first: 100, filter: { archived: null }) { nodes { id } } } }`
    const { conversationId, questionId, answerId, generationId } = theirs
    const seen = await app.run<Record<string, unknown>>(query, {
      c: conversationId,
      m: questionId,
      g: generationId,
      u: toGlobalId('User', owner_id),
    })
    expect(seen['nodes']).toEqual([null, null, null, null])
    expect(JSON.stringify(seen['viewer'])).not.toContain(conversationId)

    const before = await everyRow(app.db)
    const attempts: Partial<Record<MutationName, object>> = {
      updateConversation: { conversationId, title: 'Mine' },
      deleteConversation: { conversationId },
      setHead: { conversationId, leafId },
      sendMessage: { conversationId, text: 'Hi' },
      generateResponse: { conversationId, parentId: leafId, generate: {} },
      editMessage: { messageId: questionId, text: 'Hi' },
      regenerateMessage: { messageId: answerId },
      cancelGeneration: { generationId },
    }
    for (const [name, input] of Object.entries(attempts) as [MutationName, object][]) {
      expect(await failure(app, name, input)).toMatchObject({ code: 'NOT_FOUND' })
    }
    expect(await everyRow(app.db)).toEqual(before)
    const next = async (events: AsyncGenerator<unknown>) => events.next()
    await expect(next(app.follow(generationId))).rejects.toThrow('NOT_FOUND')
    await expect(next(app.followConversation(conversationId))).rejects.toThrow('NOT_FOUND')
    const mine = await app.createConversation()
    const adopt = { conversationId: mine, text: 'Under yours', parentId: leafId }
    expect(await failure(app, 'sendMessage', adopt)).toMatchObject({ code: 'NOT_FOUND', path: ['parentId'] })
    await succeed(app, 'deleteConversation', { conversationId: mine })
  })
})
