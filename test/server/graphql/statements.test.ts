import type { KyselyPlugin } from 'kysely'
import { describe, expect, test } from 'vitest'
import { openDatabase } from '../../../src/server/db/connect.ts'
import { startApp, type TestApp } from '../../support/app.ts'
import { askAndWait, ending, read, succeed } from '../../support/chat.ts'
import { databases, type Place } from '../../support/databases.ts'
import { startScriptedUpstream } from '../../support/scripted-provider.ts'

/** Nothing runs beside the operation that is counted. */
const settings = {
  PARLEY_INTERVAL_POLL: '1h',
  PARLEY_INTERVAL_PROCESS_HEARTBEAT: '1h',
  PARLEY_TIMEOUT_PROCESS_EXPIRY: '3h',
}

describe.each(databases)('how often the database is asked on $name', ({ create }) => {
  test('does not depend on how many messages are read, with all that belongs to each', async () => {
    await using place = await create()
    await using upstream = await startScriptedUpstream({ automatic: { tokens: 2 } })
    const { app, count } = await startCounted(place, upstream)
    await using _app = app
    const conversationId = await app.createConversation()
    for (let turn = 0; turn < 25; turn += 1) await askAndWait(app, conversationId, `Turn ${turn}`)
    const { answerId } = await askAndWait(app, conversationId, 'Twice')
    const { generation } = await succeed(app, 'regenerateMessage', { messageId: answerId })
    await ending(app, generation!.id)
    const thread = (first: number) => () =>
      read<{ thread: { nodes: object[] } }>(
        app,
        'Conversation',
        conversationId,
        `thread(first: ${first}) { totalCount nodes { id role status text hash siblingIndex author { name }
          parts { index } model { name } parents { id text } children { id text } siblings { id text }
          conversation { id } generation { id status attempt eventsCursor usage { outputTokens } }
          usage { outputTokens } } }`,
      )
    const few = await count(thread(4))
    const many = await count(thread(50))
    expect(many.result.thread.nodes).toHaveLength(50)
    // Answers that come at different moments may split one batch in two, whatever the number of rows.
    expect(many.statements - few.statements).toBeLessThanOrEqual(3)
    expect(many.statements).toBeLessThanOrEqual(16)
  })

  test('does not depend on how many conversations are listed', async () => {
    await using place = await create()
    await using upstream = await startScriptedUpstream()
    const { app, count } = await startCounted(place, upstream)
    await using _app = app
    for (let number = 0; number < 30; number += 1) {
      await app.ask(await app.createConversation(), `${number}`)
      await upstream.request()
    }
    const list = (first: number) => () =>
      app.run<{ viewer: { conversations: { nodes: object[] } } }>(
        `{ viewer { conversations(first: ${first}) { totalCount nodes { id title starred messageCount
          lastMessagePreview eventsCursor owner { name eventsCursor } defaultModel { name } head { id text generation { status } }
          activeGenerations { id message { text } } } } } }`,
      )
    const few = await count(list(2))
    const many = await count(list(30))
    expect(many.result.viewer.conversations.nodes).toHaveLength(30)
    // Answers that come at different moments may split one batch in two, whatever the number of rows.
    expect(many.statements - few.statements).toBeLessThanOrEqual(3)
    expect(many.statements).toBeLessThanOrEqual(14)
  })

  test('does not depend on how many nodes are asked for', async () => {
    await using place = await create()
    await using upstream = await startScriptedUpstream({ automatic: { tokens: 2 } })
    const { app, count } = await startCounted(place, upstream)
    await using _app = app
    const ids: string[] = []
    for (let number = 0; number < 10; number += 1) {
      const asked = await askAndWait(app, await app.createConversation(), `${number}`)
      ids.push(asked.conversationId, asked.questionId, asked.answerId, asked.generationId)
    }
    const nodes = (size: number) => () =>
      app.run<{ nodes: object[] }>('query ($ids: [ID!]!) { nodes(ids: $ids) { id } }', {
        ids: ids.slice(0, size),
      })
    const few = await count(nodes(4))
    const many = await count(nodes(40))
    expect(many.result.nodes).not.toContain(null)
    // Answers that come at different moments may split one batch in two, whatever the number of rows.
    expect(many.statements - few.statements).toBeLessThanOrEqual(3)
    expect(few.statements).toBeLessThanOrEqual(6)
  })

  test('does not depend on how many of a viewer’s devices watch what happens', async () => {
    await using place = await create()
    const { app, count } = await startCounted(place)
    await using _app = app
    const statementsFor = async (devices: number) => {
      const id = await app.createConversation()
      const watchers = Array.from({ length: devices }, () =>
        app.followConversation(id, { args: 'fromStart: true' }),
      )
      await Promise.all(watchers.map((watcher) => watcher.next()))
      const seen = watchers.map((watcher) => watcher.next())
      const { result, statements } = await count(async () => {
        await succeed(app, 'updateConversation', { conversationId: id, title: 'Watched' })
        return Promise.all(seen)
      })
      for (const { value } of result) expect(value).toMatchObject({ conversation: { title: 'Watched' } })
      await Promise.all(watchers.map((watcher) => watcher.return()))
      return statements
    }
    // Some of them may be a turn of the event loop behind the others.
    expect((await statementsFor(30)) - (await statementsFor(1))).toBeLessThanOrEqual(8)
  })
})

type Counted = {
  readonly app: TestApp
  /** Runs `work`, and says how many statements the server ran meanwhile. */
  count<T>(work: () => Promise<T>): Promise<{ result: T; statements: number }>
}

async function startCounted(place: Place, upstream?: { readonly url: string }): Promise<Counted> {
  let statements = 0
  const counter: KyselyPlugin = {
    transformQuery: ({ node }) => node,
    // Once per statement, where the other one is asked about every query in it.
    async transformResult({ result }) {
      statements += 1
      return result
    },
  }
  const app = await startApp({
    place,
    ...(upstream && { upstream }),
    settings,
    openDatabase: async (options) => {
      const database = await openDatabase(options)
      return { ...database, db: database.db.withPlugin(counter) }
    },
  })
  return {
    app,
    async count(work) {
      const before = statements
      const result = await work()
      return { result, statements: statements - before }
    },
  }
}
