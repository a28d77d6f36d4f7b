import { describe, expect, test } from 'vitest'
import { startApp, type TestApp } from '../../support/app.ts'
import { databases } from '../../support/databases.ts'
import { fold, type Held, nothingHeld, type StreamedEvent } from '../../support/fold.ts'
import { interceptor } from '../../support/intercept.ts'
import { startScriptedUpstream } from '../../support/scripted-provider.ts'

/** So rare that whatever a reader is shown in time, it was shown because of a wake-up. */
const noPoll = { PARLEY_INTERVAL_POLL: '1h' }

describe.each(databases)('a forced race on $name', ({ create }) => {
  test('an event appended while a reader reads is not missed', async () => {
    await using place = await create()
    const database = interceptor()
    await using app = await startApp({ place, settings: noPoll, openDatabase: database.openDatabase })
    const conversation = await app.createConversation()
    // The reader's first look has its answer, and is given it only after somebody else has written.
    const appended = database.once('from "conversation_event" where "conversation_id"', () =>
      say(app, conversation, 'Hi'),
    )
    const [first] = await take(app.followConversation(conversation), 1)
    await appended
    expect(first).toMatchObject({ __typename: 'MessageChanged', message: { text: 'Hi' } })
  })

  test('text committed before a reader listens to its run is not missed', async () => {
    await using place = await create()
    await using upstream = await startScriptedUpstream()
    const database = interceptor()
    await using app = await startApp({
      place,
      upstream,
      settings: noPoll,
      openDatabase: database.openDatabase,
    })
    const conversation = await app.createConversation()
    const events = app.followConversation(conversation)
    const reading = readUntil(events, (text) => text === 'Hello')
    // Before the reader hears of the run at all, the run's only text is committed and announced.
    const committed = database.once('from "conversation_event" where "conversation_id"', async () => {
      await app.ask(conversation)
      await upstream.request()
      const shown = database.once('insert into chunk', () => {})
      await upstream.text('Hello')
      await shown
    })
    expect(await reading).toBe('Hello')
    await committed
  })

  test.each([
    ['before any row is read', 'pg_snapshot_xmin'],
    ['between the rows and their cursor', 'with recursive "path"'],
  ])('what is appended %s is in the read or behind its cursor', async (_when, statement) => {
    await using place = await create()
    const database = interceptor()
    await using app = await startApp({ place, settings: noPoll, openDatabase: database.openDatabase })
    const conversation = await app.createConversation()
    await say(app, conversation, 'First')
    const appended = database.once(statement, () => say(app, conversation, 'Second'))
    const { texts: read, eventsCursor } = await readThread(app, conversation)
    await appended
    const followed: string[] = []
    await say(app, conversation, 'Third')
    for await (const event of app.followConversation(conversation, { after: eventsCursor })) {
      if (event.__typename !== 'MessageChanged') continue
      followed.push((event.message as { text: string }).text)
      if (followed.at(-1) === 'Third') break
    }
    expect(new Set([...read, ...followed])).toEqual(new Set(['First', 'Second', 'Third']))
  })

  test('text committed between the rows and their cursor is behind the cursor', async () => {
    await using place = await create()
    await using upstream = await startScriptedUpstream()
    const database = interceptor()
    await using app = await startApp({
      place,
      upstream,
      settings: noPoll,
      openDatabase: database.openDatabase,
    })
    const conversation = await app.createConversation()
    const { generationId } = await app.ask(conversation)
    const events = app.follow(generationId)
    await upstream.request()
    await upstream.text('One ')
    await readUntil(events, (text) => text === 'One ')
    const committed = database.once('with recursive "path"', async () => {
      const shown = database.once('insert into chunk', () => {})
      await upstream.text('two')
      await shown
    })
    const { texts, eventsCursor } = await readThread(app, conversation)
    await committed
    expect(texts.at(-1)).toBe('One ')
    let held: Held = { ...nothingHeld, texts: texts.slice(-1) }
    await upstream.finish()
    for await (const event of app.followConversation(conversation, { after: eventsCursor })) {
      held = fold(held, event)
      if (event.__typename === 'GenerationFinished') break
    }
    expect(held.texts).toEqual(['One two'])
  })

  test('nothing is shown before the database says that it is committed', async () => {
    await using place = await create()
    await using upstream = await startScriptedUpstream()
    const database = interceptor()
    await using app = await startApp({
      place,
      upstream,
      settings: noPoll,
      openDatabase: database.openDatabase,
    })
    const { generationId } = await app.ask(await app.createConversation())
    const events = app.follow(generationId)
    await upstream.request()
    const seen: string[] = []
    const shown = Promise.withResolvers<void>()
    const reading = readUntil(events, (text) => {
      seen.push(text)
      if (text) shown.resolve()
      return text === 'Hello'
    })
    const held = database.once('insert into chunk', async () => {
      // Everything that could bring the text to a reader gets its turn, and a query is answered meanwhile.
      await app.run('{ viewer { id } }')
      await app.run('{ viewer { id } }')
      expect(seen.join('')).toBe('')
    })
    await upstream.text('Hello')
    await held
    await reading
  })
})

async function say(app: TestApp, conversationId: string, text: string): Promise<void> {
  await app.run(
    'mutation ($input: SendMessageInput!) { sendMessage(input: $input) { userMessage { id } } }',
    {
      input: { conversationId, text },
    },
  )
}

type Thread = { thread: { nodes: { text: string; conversation: { eventsCursor: string } }[] } }

/** The cursor is asked for below the rows: it is made after they were read. */
async function readThread(app: TestApp, id: string): Promise<{ texts: string[]; eventsCursor: string }> {
  const query = `query ($id: ID!) { conversation(id: $id) {
    thread { nodes { text conversation { eventsCursor } } } } }`
  const { conversation } = await app.run<{ conversation: Thread }>(query, { id })
  const { nodes } = conversation.thread
  return { texts: nodes.map(({ text }) => text), eventsCursor: nodes.at(-1)?.conversation.eventsCursor ?? '' }
}

async function take(events: AsyncIterable<StreamedEvent>, count: number): Promise<StreamedEvent[]> {
  const taken: StreamedEvent[] = []
  for await (const event of events) {
    taken.push(event)
    if (taken.length === count) break
  }
  return taken
}

/** Folds the first part's text until `enough` of it is there. */
async function readUntil(
  events: AsyncIterable<StreamedEvent>,
  enough: (text: string) => boolean,
): Promise<string> {
  let held = nothingHeld
  for await (const event of events) {
    held = fold(held, event)
    if (enough(held.texts[0] ?? '')) break
  }
  return held.texts[0] ?? ''
}
