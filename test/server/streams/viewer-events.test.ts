import { randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import { beforeEach, describe, expect, test } from 'vitest'
import { dropExpired } from '../../../src/server/chat/housekeeping.ts'
import { startApp, type TestApp } from '../../support/app.ts'
import { ending, followViewer, read, say, succeed } from '../../support/chat.ts'
import { databases } from '../../support/databases.ts'
import type { StreamedEvent } from '../../support/fold.ts'
import { Reading } from '../../support/reading.ts'
import { shareServer } from '../../support/shared-server.ts'

describe.each(databases)('viewerEvents on $name', ({ create }) => {
  const server = shareServer(create)
  /** Where the viewer's list is before the test. */
  let start: string

  beforeEach(async () => {
    start = await mark()
  })

  test('shows a second client each conversation that is made, changed, talked in and deleted', async () => {
    const { app } = server
    const reading = new Reading(followViewer(app, { after: start }))
    const next = async () => {
      const { length } = reading.events
      await reading.until(() => reading.events.length > length)
      return reading.events.at(-1)
    }
    const changed = (change: object) => ({
      __typename: 'ConversationChanged',
      conversation: expect.objectContaining(change),
    })
    const made = next()
    const id = await app.createConversation()
    expect(await made).toMatchObject(changed({ id, title: 'New conversation' }))

    const said = next()
    const { generationId } = await app.ask(id, 'Hello')
    expect(await said).toMatchObject(changed({ id, title: 'Hello', lastMessagePreview: 'Hello' }))

    const answered = next()
    const run = await server.run('Hello')
    await run.text('Hi')
    await run.finish()
    await ending(app, generationId)
    expect(await answered).toMatchObject(changed({ id, lastMessagePreview: 'Hi' }))

    const renamed = next()
    await succeed(app, 'updateConversation', { conversationId: id, title: 'Greetings', starred: true })
    expect(await renamed).toMatchObject(changed({ id, title: 'Greetings', starred: true }))

    const deleted = next()
    await succeed(app, 'deleteConversation', { conversationId: id })
    expect(await deleted).toMatchObject({
      __typename: 'ConversationRemoved',
      conversationId: id,
      removal: 'DELETED',
    })
    const seqs = reading.events.map(({ seq }) => seq)
    expect(seqs).toEqual(seqs.map((_seq, index) => seqs[0]! + index))
  })

  test('carries the viewer’s own clientMutationId', async () => {
    const { app } = server
    await succeed(app, 'createConversation', { clientMutationId: 'mine' })
    const [event] = await take(followViewer(app, { after: start }), 1)
    expect(event).toMatchObject({ clientMutationId: 'mine' })
  })

  test('begins now, and says nothing of what was before', async () => {
    const { app } = server
    await app.createConversation()
    const reading = new Reading(followViewer(app, { args: ', heartbeatSeconds: 1' }))
    // A sign of life says that the stream has begun.
    await reading.until(() => reading.events.length === 1)
    expect(reading.events[0]?.__typename).toBe('Heartbeat')
    const id = await app.createConversation()
    await reading.until(() => reading.events.some(({ __typename }) => __typename === 'ConversationChanged'))
    const changed = reading.events.filter(({ __typename }) => __typename === 'ConversationChanged')
    expect(changed).toMatchObject([{ conversation: { id } }])
  })

  test('gives a client that comes back with any cursor the same list in the end', async () => {
    const { app } = server
    const [a, b] = [await app.createConversation(), await app.createConversation()]
    await succeed(app, 'updateConversation', { conversationId: a, title: 'A' })
    await succeed(app, 'deleteConversation', { conversationId: b })
    const c = await app.createConversation()
    await say(app, c, 'C')
    await succeed(app, 'updateConversation', { conversationId: a, starred: true })
    await succeed(app, 'deleteConversation', { conversationId: c })
    await succeed(app, 'updateConversation', { conversationId: a, title: 'Over', clientMutationId: 'last' })
    const whole = await readToEnd(start)
    expect(listOf(whole)).toEqual({ [a]: 'Over' })
    for (const [at, { cursor }] of whole.slice(0, -1).entries()) {
      const rest = await readToEnd(cursor)
      expect(listOf([...whole.slice(0, at + 1), ...rest])).toEqual({ [a]: 'Over' })
    }
  })

  test('leaves out what is gone by the time it is read, but for its removal', async () => {
    const { app } = server
    const { conversationId, generationId } = await app.ask(await app.createConversation(), 'Short life')
    await succeed(app, 'deleteConversation', { conversationId })
    await (await server.run('Short life')).closed
    const [event] = await take(followViewer(app, { after: start }), 1)
    expect(event).toMatchObject({ __typename: 'ConversationRemoved', conversationId })
    expect(await read(app, 'Generation', generationId, 'id')).toBeNull()
  })

  test('loses nothing between a read and the stream from its cursor', async () => {
    const { app } = server
    for (let number = 0; number < 5; number += 1) {
      const [id, { ids, cursor }] = await Promise.all([app.createConversation(), listAndCursor()])
      if (ids.includes(id)) continue
      // What else was going on may come as well: a cursor is never ahead of what was read with it.
      for await (const event of followViewer(app, { after: cursor })) {
        if ((event['conversation'] as { id: string } | undefined)?.id === id) break
      }
    }
  })

  test('asks a client to read again whose cursor is older than the events that are kept', async () => {
    const { app } = server
    for (let number = 0; number < 3; number += 1) await app.createConversation()
    const [first] = await take(followViewer(app, { after: start }), 1)
    await app.db
      .updateTable('viewer_event')
      .set({ at: sql<Date>`clock_timestamp() - interval '31 days'` })
      .execute()
    await dropExpired(app.db)
    const reading = new Reading(followViewer(app, { after: first!.cursor }))
    await reading.until(() => reading.events.length === 1)
    expect(reading.events[0]).toMatchObject({ __typename: 'ResyncRequired', reason: 'CURSOR_EXPIRED' })
    const id = await app.createConversation()
    await reading.until(() => reading.events.length === 2)
    expect(reading.events[1]).toMatchObject({ conversation: { id }, seq: reading.events[0]!.seq + 1 })
    const [next] = await take(followViewer(app, { after: reading.events[0]!.cursor }), 1)
    expect(next).toMatchObject({ conversation: { id } })
  })

  test('keeps for 30 days what a client may come back to', async () => {
    const { app } = server
    const id = await app.createConversation()
    await app.db
      .updateTable('viewer_event')
      .set({ at: sql<Date>`clock_timestamp() - interval '29 days'` })
      .execute()
    await dropExpired(app.db)
    const [event] = await take(followViewer(app, { after: start }), 1)
    expect(event).toMatchObject({ conversation: { id } })
  })

  test('does not take an up-to-date cursor for an expired one, however old the last event is', async () => {
    const { app } = server
    await app.createConversation()
    const after = await mark()
    await app.db
      .updateTable('viewer_event')
      .set({ at: sql<Date>`clock_timestamp() - interval '90 days'` })
      .execute()
    await dropExpired(app.db)
    const reading = new Reading(followViewer(app, { after }))
    const id = await app.createConversation()
    await reading.until(() => reading.events.length === 1)
    expect(reading.events[0]).toMatchObject({ conversation: { id } })
  })

  test('gives a cursor that can be served although nothing that is kept is older than its watermark', async () => {
    const { app } = server
    const id = await app.createConversation()
    await app.db
      .updateTable('viewer_event')
      .set({ at: sql<Date>`clock_timestamp() - interval '31 days'` })
      .execute()
    await dropExpired(app.db)
    // As long as any transaction of the whole server of databases is older, the last event counts as unseen.
    await sql`update viewer_event set xid = (pg_current_xact_id()::text::bigint + 1000000)::text::xid8`.execute(
      app.db,
    )
    const { cursor } = await listAndCursor(app)
    const [event] = await take(followViewer(app, { after: cursor }), 1)
    expect(event).toMatchObject({ __typename: 'ConversationChanged', conversation: { id } })
    await sql`update viewer_event set xid = '3'`.execute(app.db)
  })

  test('asks a client of another database to read again, and then goes on', async () => {
    const { app } = server
    await using place = await create({ migrated: false })
    await using elsewhere = await startApp({ place })
    const { cursor: after } = await listAndCursor(elsewhere)
    const reading = new Reading(followViewer(app, { after }))
    await reading.until(() => reading.events.length === 1)
    expect(reading.events[0]).toMatchObject({ __typename: 'ResyncRequired', reason: 'CURSOR_UNKNOWN' })
    const id = await app.createConversation()
    await reading.until(() => reading.events.length === 2)
    expect(reading.events[1]).toMatchObject({ conversation: { id } })
  })

  test('refuses what is no cursor, or one of a conversation', async () => {
    const { app } = server
    const id = await app.createConversation()
    const { eventsCursor } = await read<{ eventsCursor: string }>(app, 'Conversation', id, 'eventsCursor')
    for (const after of ['garbage', '', eventsCursor]) {
      await expect(take(followViewer(app, { after }), 1)).rejects.toThrow('BAD_USER_INPUT')
    }
    for (const seconds of [0, -1, 3601]) {
      const events = followViewer(app, { args: `, heartbeatSeconds: ${seconds}` })
      await expect(take(events, 1)).rejects.toThrow('BAD_USER_INPUT')
    }
  })

  async function listAndCursor(app: TestApp = server.app): Promise<{ ids: string[]; cursor: string }> {
    const query = '{ viewer { eventsCursor conversations(first: 100) { nodes { id } } } }'
    type Viewer = { eventsCursor: string; conversations: { nodes: { id: string }[] } }
    const { viewer } = await app.run<{ viewer: Viewer }>(query)
    return { ids: viewer.conversations.nodes.map(({ id }) => id), cursor: viewer.eventsCursor }
  }

  /** The cursor of an event that has just happened. */
  async function mark(): Promise<string> {
    const { cursor } = await listAndCursor()
    const clientMutationId = randomUUID()
    await succeed(server.app, 'createConversation', { clientMutationId })
    for await (const event of followViewer(server.app, { after: cursor })) {
      if (event['clientMutationId'] === clientMutationId) return event.cursor
    }
    throw new Error('The stream has ended')
  }

  async function readToEnd(after: string): Promise<StreamedEvent[]> {
    const events = []
    for await (const event of followViewer(server.app, { after })) {
      events.push(event)
      if (event['clientMutationId'] === 'last') break
    }
    return events
  }
})

/** The titles that a client shows which has applied these events. */
function listOf(events: readonly StreamedEvent[]): Record<string, string> {
  const titles = new Map<string, string>()
  for (const event of events) {
    const conversation = event['conversation'] as { id: string; title: string } | undefined
    if (conversation) titles.set(conversation.id, conversation.title)
    else titles.delete(event['conversationId'] as string)
  }
  return Object.fromEntries(titles)
}

async function take(events: AsyncIterable<StreamedEvent>, count: number): Promise<StreamedEvent[]> {
  const taken = []
  for await (const event of events) {
    taken.push(event)
    if (taken.length === count) break
  }
  return taken
}
