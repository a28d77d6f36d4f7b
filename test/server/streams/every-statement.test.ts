import { describe, expect, test } from 'vitest'
import { type Asked, startApp, type TestApp } from '../../support/app.ts'
import { followViewer, say, succeed } from '../../support/chat.ts'
import { databases, type Place } from '../../support/databases.ts'
import { eventually } from '../../support/eventually.ts'
import { fold, type Held, nothingHeld, type StreamedEvent } from '../../support/fold.ts'
import { Reading } from '../../support/reading.ts'
import { startScriptedUpstream } from '../../support/scripted-provider.ts'
import { type SteppedDatabase, steppedDatabase } from '../../support/stepped-database.ts'

/** Nothing asks the database but what is looked at, and what is shown in time is shown because of a wake-up. */
const quiet = {
  PARLEY_INTERVAL_POLL: '1h',
  PARLEY_INTERVAL_PROCESS_HEARTBEAT: '1h',
  PARLEY_TIMEOUT_PROCESS_EXPIRY: '3h',
}

/** Ways to follow a run. `isNew`: a reader that holds nothing yet. */
const ways = [
  { how: 'from its beginning', inConversation: false, over: 'WebSocket', isNew: true },
  { how: 'from the middle over SSE', inConversation: false, over: 'SSE', isNew: false },
  { how: 'with its conversation', inConversation: true, over: 'SSE', isNew: true },
  {
    how: 'with its conversation from the middle',
    inConversation: true,
    over: 'WebSocket',
    isNew: false,
  },
] as const

describe.each(databases)('at whichever statement of a read it happens, on $name,', ({ create }) => {
  test('text of a run is in the read or behind its cursor', async () => {
    await using scene = await open(await create())
    const { asked, say, end } = await scene.ask()
    let said = ''
    await atEveryStatement<ReadRun>(scene.database, async (number) => ({
      happens: async () => {
        said += `word ${number} `
        await say(said)
      },
      during: () => scene.readRun(asked),
      after: async ({ message: { text }, eventsCursor: after }) => {
        said += 'and then '
        await say(said)
        let held: Held = { ...nothingHeld, texts: [text] }
        for await (const event of scene.app.follow(asked.generationId, { after })) {
          held = fold(held, event)
          if (held.texts[0] === said) break
        }
      },
    }))
    await end(said)
  })

  test('the end of a run is in the read or behind its cursor', async () => {
    await using scene = await open(await create())
    await atEveryStatement<ReadRun>(scene.database, async () => {
      const { asked, say, end } = await scene.ask()
      await say('All')
      return {
        happens: () => end('All of it'),
        during: () => scene.readRun(asked),
        after: async ({ message: { text }, eventsCursor: after }) => {
          let held: Held = { ...nothingHeld, texts: [text] }
          for await (const event of scene.app.follow(asked.generationId, { after })) held = fold(held, event)
          expect(held.texts).toEqual(['All of it'])
        },
        unlessReached: () => end('All of it'),
      }
    })
  })

  test('a message is in the read of its conversation or behind its cursor', async () => {
    await using scene = await open(await create())
    const { app } = scene
    const id = await app.createConversation()
    const all = [await say(app, id, 'First')]
    // One cursor is made before the rows are read, and one after them.
    const query = `query ($id: ID!) { conversation(id: $id) { eventsCursor title head { id }
      thread(last: 100) { nodes { id conversation { eventsCursor } } } } }`
    type Read = { eventsCursor: string; thread: { nodes: { id: string; conversation: Marked }[] } }
    await atEveryStatement<Read>(scene.database, async (number) => ({
      happens: async () => void all.push(await say(app, id, `At statement ${number}`)),
      during: async () => (await app.run<{ conversation: Read }>(query, { id })).conversation,
      after: async ({ eventsCursor, thread: { nodes } }) => {
        all.push(await say(app, id, 'Last'))
        for (const after of new Set([eventsCursor, nodes.at(-1)!.conversation.eventsCursor])) {
          const held = new Set(nodes.map((node) => node.id))
          for await (const event of app.followConversation(id, { after })) {
            const message = event['message'] as { id: string } | undefined
            if (message) held.add(message.id)
            if (message?.id === all.at(-1)) break
          }
          expect(held).toEqual(new Set(all))
        }
      },
    }))
  })

  test('a conversation is in the read of the list or behind its cursor', async () => {
    await using scene = await open(await create())
    const { app } = scene
    const titles = new Map<string, string>()
    const make = async (title: string) => {
      const { conversation } = await succeed(app, 'createConversation', { title })
      titles.set(conversation!.id, title)
      return conversation!.id
    }
    const conversationId = await make('First')
    const query = `{ viewer { name conversations(first: 100) { nodes { id title owner { eventsCursor } } }
      eventsCursor } }`
    type Read = Marked & { conversations: { nodes: { id: string; title: string; owner: Marked }[] } }
    await atEveryStatement<Read>(scene.database, async (number) => ({
      happens: async () => {
        const title = `Renamed at statement ${number}`
        await make(`Made at statement ${number}`)
        await succeed(app, 'updateConversation', { conversationId, title })
        titles.set(conversationId, title)
      },
      during: async () => (await app.run<{ viewer: Read }>(query)).viewer,
      after: async ({ eventsCursor, conversations: { nodes } }) => {
        const last = await make('Last')
        for (const after of new Set([eventsCursor, nodes.at(-1)!.owner.eventsCursor])) {
          const held = new Map(nodes.map(({ id, title }) => [id, title]))
          for await (const event of followViewer(app, { after })) {
            const { id, title } = event['conversation'] as { id: string; title: string }
            held.set(id, title)
            if (id === last) break
          }
          expect(held).toEqual(titles)
        }
      },
    }))
  })
})

describe.each(databases)('at whichever statement of a subscription it ends, on $name,', ({ create }) => {
  test.each(ways)('a run is read to its end $how, once', async ({ inConversation, over, isNew }) => {
    await using scene = await open(await create())
    await atEveryStatement<Reading>(scene.database, async () => {
      const { asked, say, end } = await scene.ask()
      const followed = () => follow(scene.app, asked, inConversation, { args: 'fromStart: true' })
      const before = new Reading(inConversation ? followed() : scene.app.follow(asked.generationId))
      for (const text of ['Hello', 'Hello again']) {
        await say(text)
        await before.holds(asked.answerId, text)
      }
      // Without its newest event: then the subscription has something to give when it has begun.
      const held = isNew ? [] : before.events.slice(0, -1)
      const after = held.at(-1)?.cursor ?? null
      const goodbye = () => end('Hello again and goodbye')
      return {
        happens: goodbye,
        during: async (happened) => {
          const args = inConversation && isNew ? { args: 'fromStart: true' } : {}
          const events = follow(scene.app, asked, inConversation, { after, over, ...args })
          const reading = new Reading(onward(held, events))
          const begun = reading.until(() => reading.text(asked.answerId).startsWith('Hello again'))
          await Promise.race([begun, happened])
          return reading
        },
        unlessReached: goodbye,
        after: async (reading) => {
          expect(await reading.ended).toBeNull()
          expect(reading.text(asked.answerId)).toBe('Hello again and goodbye')
          const types = reading.events.map(({ __typename }) => __typename)
          expect(types.indexOf('GenerationFinished')).toBe(types.length - 1)
          await before.until(() => before.events.at(-1)?.__typename === 'GenerationFinished')
        },
      }
    })
  })
})

describe.each(databases)(
  'at whichever statement of a subscription it is deleted, on $name,',
  ({ create }) => {
    test.each(['WebSocket', 'SSE'] as const)(
      'a conversation is followed to its removal over %s, without an error',
      async (over) => {
        await using scene = await open(await create())
        const { app } = scene
        await atEveryStatement<Reading>(scene.database, async () => {
          const { asked, end } = await scene.ask()
          await end('All of it')
          const { conversationId } = asked
          const remove = async () => void (await succeed(app, 'deleteConversation', { conversationId }))
          return {
            happens: remove,
            during: async (happened) => {
              const events = app.followConversation(conversationId, { over, args: 'fromStart: true' })
              const reading = new Reading(events)
              const isRead = () => reading.events.at(-1)?.__typename === 'ConversationChanged'
              await Promise.race([happened, reading.until(() => isRead() && reading.events.length > 5)])
              return reading
            },
            unlessReached: remove,
            after: async (reading) => {
              expect(await reading.ended).toBeNull()
              expect(reading.events.at(-1)?.__typename).toBe('ConversationRemoved')
            },
          }
        })
      },
    )
  },
)

type Marked = { eventsCursor: string }
type ReadRun = Marked & { message: { text: string } }

type Answering = {
  readonly asked: Asked
  /** Goes on with the answer until this is committed of it. Relies on no reader: one may be held up. */
  say(text: string): Promise<void>
  /** The same, and ends the answer. */
  end(text: string): Promise<void>
}

type Scene = AsyncDisposable & {
  readonly app: TestApp
  readonly database: SteppedDatabase
  /** Asks in a new conversation. */
  ask(): Promise<Answering>
  readRun(asked: Asked): Promise<ReadRun>
}

async function open(place: Place): Promise<Scene> {
  const resources = new AsyncDisposableStack()
  resources.use(place)
  const upstream = resources.use(await startScriptedUpstream())
  const database = steppedDatabase()
  const { openDatabase } = database
  const app = resources.use(await startApp({ place, upstream, settings: quiet, openDatabase }))
  return {
    app,
    database,
    async ask() {
      const asked = await app.ask(await app.createConversation())
      const run = await upstream.request()
      let said = ''
      const expectStored = (stored: object) =>
        eventually(async () => expect(await app.message(asked.answerId)).toMatchObject(stored))
      const say = async (text: string) => {
        await run.text(text.slice(said.length))
        said = text
        await expectStored({ text })
      }
      const end = async (text: string) => {
        await say(text)
        await run.finish()
        await expectStored({ text, status: 'COMPLETED' })
      }
      return { asked, say, end }
    },
    async readRun({ generationId: id }) {
      const query = 'query ($id: ID!) { generation(id: $id) { status message { text } eventsCursor } }'
      return (await app.run<{ generation: ReadRun }>(query, { id })).generation
    },
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  }
}

type Attempt<Result> = {
  /** What happens at the statement. */
  readonly happens: () => Promise<void>
  /** The operation whose statements are counted. */
  readonly during: (happened: Promise<void>) => Promise<Result>
  readonly after: (result: Result) => Promise<void>
  /** Comes before `after` where the operation has fewer statements. */
  readonly unlessReached?: (result: Result) => Promise<void>
}

/** Attempts it with each statement in turn, until the operation has no further one. */
async function atEveryStatement<Result>(
  database: SteppedDatabase,
  prepare: (number: number) => Promise<Attempt<Result>>,
): Promise<void> {
  for (let number = 1; ; number += 1) {
    const { happens, during, after, unlessReached } = await prepare(number)
    const step = database.at(number, happens)
    const result = await during(step.done)
    const wasReached = step.end()
    if (wasReached) await step.done
    else await unlessReached?.(result)
    await after(result)
    if (!wasReached) return expect(number).toBeGreaterThan(3)
  }
}

type Following = Parameters<TestApp['follow']>[1]

function follow(app: TestApp, asked: Asked, inConversation: boolean, options: Following) {
  return inConversation
    ? untilTheEnd(app.followConversation(asked.conversationId, options))
    : app.follow(asked.generationId, options)
}

async function* untilTheEnd(events: AsyncIterable<StreamedEvent>) {
  for await (const event of events) {
    yield event
    if (event.__typename === 'GenerationFinished') return
  }
}

async function* onward(before: readonly StreamedEvent[], events: AsyncIterable<StreamedEvent>) {
  yield* before
  yield* events
}
