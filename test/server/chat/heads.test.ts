import { describe, expect, test } from 'vitest'
import {
  type ConversationId,
  fromGlobalId,
  type MessageId,
  newId,
  type ViewerId,
} from '../../../src/server/ids.ts'
import { startApp, type TestApp } from '../../support/app.ts'
import { everyRow, failure, headOf, mutate, read, say, succeed, unknownId } from '../../support/chat.ts'
import { databases } from '../../support/databases.ts'
import { shareServer } from '../../support/shared-server.ts'

describe.each(databases)('heads on $name', ({ create }) => {
  const server = shareServer(create)

  test('setHead switches the branch that the viewer is on, and the thread follows', async () => {
    const { app } = server
    const { conversationId, root, left, right } = await fork(app)
    expect(await headOf(app, conversationId)).toBe(right)
    const { conversation } = await succeed(app, 'setHead', { conversationId, leafId: left })
    expect(conversation).toEqual({ id: conversationId, head: { id: left } })
    expect(await read(app, 'Conversation', conversationId, 'thread { nodes { id } }')).toEqual({
      thread: { nodes: [{ id: root }, { id: left }] },
    })
    const next = await say(app, conversationId, 'on the left')
    expect(await read(app, 'Message', next, 'parents { id }')).toEqual({ parents: [{ id: left }] })
  })

  test('setHead with the right expectation moves it, with a stale one it says where the head is', async () => {
    const { app } = server
    const { conversationId, root, left, right } = await fork(app)
    await succeed(app, 'setHead', { conversationId, leafId: left, expectedHeadId: right })
    const before = await everyRow(app.db)
    const stale = { conversationId, leafId: root, expectedHeadId: right }
    expect(await mutate(app, 'setHead', stale)).toEqual({
      clientMutationId: null,
      conversation: null,
      userErrors: [
        { __typename: 'HeadConflictError', code: 'CONFLICT', path: ['expectedHeadId'], head: { id: left } },
      ],
    })
    expect(await everyRow(app.db)).toEqual(before)
  })

  test('an empty conversation has no head, and nothing to put one on', async () => {
    const { app } = server
    const { left } = await fork(app)
    const conversationId = await app.createConversation()
    expect(await headOf(app, conversationId)).toBeNull()
    const elsewhere = { conversationId, leafId: left, expectedHeadId: left }
    expect(await failure(app, 'setHead', elsewhere)).toMatchObject({ code: 'NOT_FOUND', path: ['leafId'] })
  })

  test('of many that expect the same head exactly one moves it', async () => {
    const { app } = server
    const { conversationId, left, right } = await fork(app)
    const input = { conversationId, leafId: left, expectedHeadId: right }
    const payloads = await Promise.all(Array.from({ length: 8 }, () => mutate(app, 'setHead', input)))
    const conflicts = payloads.flatMap(({ userErrors }) => userErrors)
    expect(conflicts).toHaveLength(7)
    for (const conflict of conflicts) expect(conflict.head).toEqual({ id: left })
  })

  test('names what it can’t find, and writes nothing', async () => {
    const { app } = server
    const { conversationId, left } = await fork(app)
    const elsewhere = await fork(app)
    const before = await everyRow(app.db)
    expect(await failure(app, 'setHead', { conversationId, leafId: elsewhere.left })).toMatchObject({
      __typename: 'BasicError',
      code: 'NOT_FOUND',
      path: ['leafId'],
    })
    expect(await failure(app, 'setHead', { conversationId, leafId: unknownId('Message') })).toMatchObject({
      code: 'NOT_FOUND',
      path: ['leafId'],
    })
    const nowhere = { conversationId: unknownId('Conversation'), leafId: left }
    expect(await failure(app, 'setHead', nowhere)).toMatchObject({
      code: 'NOT_FOUND',
      path: ['conversationId'],
    })
    expect(await everyRow(app.db)).toEqual(before)
  })

  test('each viewer has a head of their own', async () => {
    const { app } = server
    const { conversationId, root, left, right } = await fork(app)
    const conversation_id = keyOf<ConversationId>(conversationId)
    const viewer = {
      id: newId<ViewerId>(),
      handle: newId(),
      name: 'Other',
      email: null,
      role: 'MEMBER',
    } as const
    await app.db.insertInto('viewer').values(viewer).execute()
    const theirs = { conversation_id, viewer_id: viewer.id, head_id: keyOf<MessageId>(root) }
    await app.db.insertInto('conversation_viewer').values(theirs).execute()
    expect(await headOf(app, conversationId)).toBe(right)
    await succeed(app, 'setHead', { conversationId, leafId: left })
    const kept = await app.db
      .selectFrom('conversation_viewer')
      .select('head_id')
      .where('viewer_id', '=', viewer.id)
      .execute()
    expect(kept).toEqual([{ head_id: theirs.head_id }])
  })

  test('the head is kept on the server: it outlives a restart', async () => {
    await using place = await create()
    const ids = await withApp(async (app) => {
      const forked = await fork(app)
      await succeed(app, 'setHead', { conversationId: forked.conversationId, leafId: forked.left })
      return forked
    })
    expect(await withApp((app) => headOf(app, ids.conversationId))).toBe(ids.left)

    async function withApp<T>(work: (app: TestApp) => Promise<T>): Promise<T> {
      await using app = await startApp({ place })
      return await work(app)
    }
  })
})

/** A root with two leaves; the head is on the right one. */
async function fork(app: TestApp) {
  const conversationId = await app.createConversation()
  const root = await say(app, conversationId, 'root')
  const left = await say(app, conversationId, 'left')
  const right = await say(app, conversationId, 'right', { parentId: root })
  return { conversationId, root, left, right }
}

function keyOf<Id extends string>(globalId: string): Id {
  return fromGlobalId(globalId)?.key as Id
}
