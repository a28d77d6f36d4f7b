import { Redis } from 'ioredis'
import { sql } from 'kysely'
import { type Logger, pino } from 'pino'
import { describe, expect, test } from 'vitest'
import { parseConfig } from '../../../src/server/config.ts'
import { openDatabase, transaction } from '../../../src/server/db/connect.ts'
import { StartError } from '../../../src/server/errors.ts'
import { type GenerationId, newId } from '../../../src/server/ids.ts'
import type { Connect, Hints } from '../../../src/server/streams/bus.ts'
import { connectNotify } from '../../../src/server/streams/notify-line.ts'
import { connectRedis } from '../../../src/server/streams/redis-line.ts'
import type { Topic } from '../../../src/server/streams/wake-ups.ts'
import { type Asked, startApp, type TestApp, type TestAppOptions } from '../../support/app.ts'
import { databases, type Place } from '../../support/databases.ts'
import { eventually } from '../../support/eventually.ts'
import { hooked } from '../../support/intercept.ts'
import { Reading } from '../../support/reading.ts'
import { openRedis, redis, startRedis } from '../../support/redis.ts'
import { automaticText, startScriptedUpstream } from '../../support/scripted-provider.ts'
import { startTcpProxy } from '../../support/tcp-proxy.ts'

const postgres = databases.find(({ name }) => name === 'Postgres')!

/** So rare that whatever a reader is shown in time, it was shown because of a wake-up. */
const noPoll = { PARLEY_INTERVAL_POLL: '1h' }

const kinds = [
  {
    name: 'NOTIFY',
    open: async () => ({ settings: {}, [Symbol.asyncDispose]: async () => {} }),
    connect: async ({ databaseUrl }: Place) => connectNotify(databaseUrl!),
  },
  ...(redis.isThere
    ? [
        {
          name: 'Redis',
          open: async () => {
            const { url, [Symbol.asyncDispose]: dispose } = await openRedis()
            return { settings: { REDIS_URL: url }, [Symbol.asyncDispose]: dispose }
          },
          connect: async (_place: Place, { REDIS_URL }: { REDIS_URL?: string }) =>
            connectRedis(REDIS_URL!, newId()),
        },
      ]
    : []),
]

describe.each(kinds)('readers in another process, woken by $name on Postgres', ({ open, connect }) => {
  test('see a run token by token, its end, and what happens to the conversation and to the list', async () => {
    await using wakeUps = await open()
    await using place = await postgres.create()
    await using upstream = await startScriptedUpstream()
    const settings = { ...noPoll, ...wakeUps.settings }
    await using writer = await startApp({ place, upstream, settings })
    await using other = await startApp({ place, settings })
    const conversation = await writer.createConversation()
    const whole = new Reading(other.followConversation(conversation, { args: 'fromStart: true' }))
    const asked = await writer.ask(conversation)
    const readers = [
      whole,
      new Reading(other.follow(asked.generationId)),
      new Reading(other.follow(asked.generationId, { over: 'SSE' })),
    ]
    const run = await upstream.request()
    for (let words = 1; words <= 20; words++) {
      await run.text(`${words} `)
      await Promise.all(readers.map((reader) => reader.holds(asked.answerId, automaticText(words))))
    }
    await run.finish()
    await whole.until(() => whole.events.at(-1)?.__typename === 'ConversationChanged')
    expect(await readers[1]!.ended).toBeNull()
    expect(await readers[2]!.ended).toBeNull()
  })

  test('that come while a run is under way see the rest of it', async () => {
    await using wakeUps = await open()
    await using place = await postgres.create()
    await using upstream = await startScriptedUpstream()
    const settings = { ...noPoll, ...wakeUps.settings }
    await using writer = await startApp({ place, upstream, settings })
    await using other = await startApp({ place, settings })
    const asked = await writer.ask(await writer.createConversation())
    const run = await upstream.request()
    let text = ''
    for (let round = 0; round < 10; round++) {
      const reader = new Reading(other.follow(asked.generationId))
      await reader.until(() => reader.events.length > 0)
      // It may be about to read, or to listen, or have done both.
      await run.text(`${round} `)
      text += `${round} `
      await reader.holds(asked.answerId, text)
    }
    await run.finish()
  })

  test('see text while many questions there wait for locks of the database', async () => {
    await using wakeUps = await open()
    await using place = await postgres.create()
    await using upstream = await startScriptedUpstream()
    const settings = { ...noPoll, PARLEY_TIMEOUT_STATEMENT: '1m', ...wakeUps.settings }
    await using writer = await startApp({ place, upstream, settings })
    await using other = await startApp({ place, settings })
    const asked = await writer.ask(await writer.createConversation())
    const reader = new Reading(other.follow(asked.generationId))
    const run = await upstream.request()
    await run.text('1 ')
    await reader.holds(asked.answerId, '1 ')
    const { db } = await place.connect()
    const asking = await transaction(db, async (tx) => {
      await sql`select id from viewer for update`.execute(tx)
      const creating = Array.from({ length: 20 }, () => other.createConversation())
      await eventually(async () => {
        const { rows } = await sql`select from pg_stat_activity
          where wait_event_type = 'Lock' and datname = current_database()`.execute(tx)
        expect(rows.length).toBeGreaterThan(1)
      })
      await run.text('2 ')
      await reader.holds(asked.answerId, '1 2 ')
      return { creating }
    })
    expect(await Promise.all(asking.creating)).toHaveLength(20)
    await run.finish()
    expect(await reader.ended).toBeNull()
  })

  test('hear a thousand topics at once, and never what they said themselves', async () => {
    await using wakeUps = await open()
    await using place = await postgres.create()
    const connection = await connect(place, wakeUps.settings)
    const [one, other] = [await listenTo(connection), await listenTo(connection)]
    const topics = Array.from({ length: 1_000 }, topicOf)
    await Promise.all([
      ...topics.map((topic) => one.watch(topic)),
      ...topics.map((topic) => other.watch(topic)),
    ])
    await one.send(hintsOf(topics))
    await eventually(() => expect(other.heard).toEqual(new Set(topics)))
    // What comes back would have come before this.
    await other.send(hintsOf([topics[0]!]))
    await eventually(() => expect(one.heard).toEqual(new Set([topics[0]])))
    one.close()
    other.close()
    await Promise.all([one.ended, other.ended])
  })
})

describe('NOTIFY on Postgres', () => {
  test('whose connection is cut comes back, and brings what was said meanwhile', async () => {
    await using place = await postgres.create()
    await using upstream = await startScriptedUpstream()
    await using writer = await startApp({ place, upstream, settings: noPoll })
    await using other = await startApp({ place, settings: noPoll })
    const asked = await writer.ask(await writer.createConversation())
    const reader = new Reading(other.follow(asked.generationId))
    const run = await upstream.request()
    await run.text('1 ')
    await reader.holds(asked.answerId, '1 ')
    for (let words = 2; words <= 4; words++) {
      const { rows } = await sql`select pg_terminate_backend(pid) from pg_stat_activity
        where query = 'listen parley' and datname = current_database()`.execute(writer.db)
      expect(rows.length).toBeGreaterThan(0)
      await run.text(`${words} `)
      await reader.holds(asked.answerId, automaticText(words))
    }
    await run.finish()
    expect(await reader.ended).toBeNull()
  })
})

describe.skipIf(!redis.canBeStarted)('Redis on Postgres', () => {
  test('carries text that was committed, which is not read again', async () => {
    await using server = await startRedis()
    await using place = await postgres.create()
    await using upstream = await startScriptedUpstream()
    const settings = { ...noPoll, REDIS_URL: server.url }
    let reads = 0
    const counted = countingReads(() => (reads += 1))
    await using writer = await startApp({ place, upstream, settings })
    await using other = await startApp({ place, settings, ...counted })
    const asked = await writer.ask(await writer.createConversation())
    const readers = [
      new Reading(other.follow(asked.generationId)),
      new Reading(other.follow(asked.generationId)),
    ]
    const run = await upstream.request()
    const holdAll = (words: number) =>
      Promise.all(readers.map((reader) => reader.holds(asked.answerId, automaticText(words))))
    await run.text('1 ')
    await holdAll(1)
    // A read may have been on its way while that was sent.
    await run.text('2 ')
    await holdAll(2)
    const before = reads
    for (let words = 3; words <= 30; words++) {
      await run.text(`${words} `)
      await holdAll(words)
    }
    expect(reads - before).toBeLessThan(5)
    await run.finish()
    for (const reader of readers) expect(await reader.ended).toBeNull()
  })

  test('that repeats, mixes up, loses and invents what it carries harms no text', async () => {
    await using server = await startRedis()
    await using place = await postgres.create()
    await using upstream = await startScriptedUpstream()
    const settings = { ...noPoll, REDIS_URL: server.url }
    await using writer = await startApp({ place, upstream, settings })
    await using other = await startApp({ place, settings })
    await using unreliable = await startUnreliable(server.url)
    const asked = await writer.ask(await writer.createConversation())
    const reader = new Reading(other.follow(asked.generationId))
    const run = await upstream.request()
    for (let words = 1; words <= 30; words++) {
      await run.text(`${words} `)
      await reader.holds(asked.answerId, automaticText(words))
      await unreliable.harm()
    }
    await run.finish()
    expect(await reader.ended).toBeNull()
    expect(reader.text(asked.answerId)).toBe(automaticText(30))
  })

  test('killed and started again under load costs no reader anything, and one line of the log', async () => {
    await using server = await startRedis()
    await using place = await postgres.create()
    await using upstream = await startScriptedUpstream({ automatic: { tokens: 150, pace: 10 } })
    const settings = { ...noPoll, REDIS_URL: server.url }
    const { log, lines } = recordingLog()
    await using writer = await startApp({ place, upstream, settings })
    await using other = await startApp({ place, settings, log })
    const asked = await Promise.all(
      Array.from({ length: 20 }, async () => writer.ask(await writer.createConversation())),
    )
    const readers = asked.map(({ generationId }) => new Reading(other.follow(generationId)))
    await holdSomeOf(readers, asked, 100)
    await server.kill()
    await holdSomeOf(readers, asked, 250)
    await server.start()
    expect(await Promise.all(readers.map((reader) => reader.ended))).toEqual(readers.map(() => null))
    expect(readers.map((reader, index) => reader.text(asked[index]!.answerId))).toEqual(
      readers.map(() => automaticText(150)),
    )
    await eventually(() => expect(lines.at(-1)).toContain('Redis carries wake-ups again'))
    expect(lines).toHaveLength(2)
    await expectHintsIn(server.url, writer)
  })

  test('that is not there at the start is waited for, and used once it is', async () => {
    await using server = await startRedis()
    await server.kill()
    await using place = await postgres.create()
    await using upstream = await startScriptedUpstream()
    const settings = { ...noPoll, REDIS_URL: server.url }
    await using writer = await startApp({ place, upstream, settings })
    await using other = await startApp({ place, settings })
    const asked = await writer.ask(await writer.createConversation())
    const reader = new Reading(other.follow(asked.generationId))
    await (await upstream.request()).text('Hello')
    await reader.holds(asked.answerId, 'Hello')
    await server.start()
    await expectHintsIn(server.url, writer)
    await upstream.text(' again')
    await reader.holds(asked.answerId, 'Hello again')
    await upstream.finish()
    expect(await reader.ended).toBeNull()
  })

  test('that has too many clients at the start is waited for', async () => {
    await using server = await startRedis({ maxclients: '1' })
    const only = new Redis(server.url)
    await only.ping()
    await using place = await postgres.create()
    await using app = await startApp({ place, settings: { REDIS_URL: server.url } })
    await only.config('SET', 'maxclients', '10')
    only.disconnect()
    await expectHintsIn(server.url, app)
  })

  test('that swallows everything without a word holds nobody up', async () => {
    await using server = await startRedis()
    await using proxy = await startTcpProxy({ host: '127.0.0.1', port: server.port })
    await using place = await postgres.create()
    await using upstream = await startScriptedUpstream()
    const settings = { PARLEY_INTERVAL_POLL: '50ms', REDIS_URL: `redis://127.0.0.1:${proxy.port}` }
    await using writer = await startApp({ place, upstream, settings })
    await using other = await startApp({ place, settings })
    const asked = await writer.ask(await writer.createConversation())
    const reader = new Reading(other.follow(asked.generationId))
    const run = await upstream.request()
    await run.text('1 ')
    await reader.holds(asked.answerId, '1 ')
    proxy.set('silent')
    await run.text('2 ')
    await reader.holds(asked.answerId, '1 2 ')
    await run.finish()
    expect(await reader.ended).toBeNull()
  })

  test.each([
    ['its password', { requirepass: 'right' }, (url: string) => url.replace('//', '//:wrong@'), 'WRONGPASS'],
    ['its database', {}, (url: string) => `${url}/99`, 'out of range'],
  ])('that refuses %s ends the start in one line', async (_what, config, change, words) => {
    await using server = await startRedis(config)
    await using place = await postgres.create()
    const started = startApp({ place, settings: { REDIS_URL: change(server.url) } })
    await expect(started).rejects.toThrow(StartError)
    await expect(started).rejects.toThrow(/^Cannot use REDIS_URL: .*$/)
    await expect(started).rejects.toThrow(words)
    await expect(started).rejects.not.toThrow('wrong')
  })
})

test('Redis is not asked where the database belongs to one process, and that is said', async () => {
  await using place = await databases.find(({ name }) => name === 'PGlite')!.create()
  const { log, lines } = recordingLog()
  await using app = await startApp({ place, settings: { REDIS_URL: 'redis://127.0.0.1:1' }, log })
  await app.createConversation()
  expect(lines).toEqual([expect.stringContaining('REDIS_URL: Redis is not used')])
})

test('a REDIS_URL that is none is refused without being shown', () => {
  const parse = () => parseConfig({}, { REDIS_URL: 'http://:secret@host' })
  expect(parse).toThrow(StartError)
  expect(parse).toThrow('REDIS_URL: got a value that is not shown, takes a URL as redis://')
})

function hintsOf(topics: readonly Topic[]): Hints {
  return new Map(topics.map((topic) => [topic, null]))
}

function topicOf(): Topic {
  return `run:${newId<GenerationId>()}`
}

/** The database of an app, with a call for each statement that has read text of runs under way. */
function countingReads(onRead: () => void): Pick<TestAppOptions, 'openDatabase'> {
  return {
    async openDatabase(options) {
      const database = await openDatabase(options)
      const onAnswer = (statement: string) => {
        if (statement.includes('from chunk where generation_id = run.id')) onRead()
      }
      return { ...database, db: hooked(database.db, onAnswer) }
    },
  }
}

/** Hears everything that a Redis carries, and says it again as if it came from somebody else. */
async function startUnreliable(url: string) {
  const [ear, mouth] = [new Redis(url), new Redis(url)]
  const heard: [string, string][] = []
  ear.on('pmessage', (_pattern, channel, message) => {
    if (!message.startsWith('someone!')) heard.push([channel, message])
  })
  await ear.psubscribe('parley:*')
  const say = (channel: string, words: string) => mouth.publish(channel, `someone!${words}`)
  return {
    async harm() {
      for (const [channel, message] of heard.slice(-8).reverse()) {
        const words = message.slice(8)
        await say(channel, words)
        // Text that leaves something out, a message that is cut off, and one that makes no sense.
        await say(
          channel,
          words.replace(/\[0,(\d+),"TEXT"/g, (_all, start) => `[0,${Number(start) + 1_000},"TEXT"`),
        )
        await say(channel, words.slice(0, -3))
        await say(channel, '[null,[[null,0,0,[[0]]],7]]')
      }
    },
    async [Symbol.asyncDispose]() {
      ear.disconnect()
      mouth.disconnect()
    },
  }
}

/** A line, and what it has brought. */
async function listenTo(connect: Connect) {
  const heard = new Set<Topic>()
  const line = await connect((topics) => {
    for (const topic of topics) heard.add(topic)
  })
  return Object.assign(line, { heard })
}

/** What is said about buses, in order. */
function recordingLog(): { log: Logger; lines: string[] } {
  const lines: string[] = []
  const log = pino({ level: 'info' }, { write: (line) => void (line.includes('Redis') && lines.push(line)) })
  return { log, lines }
}

async function holdSomeOf(readers: readonly Reading[], asked: readonly Asked[], length: number) {
  await Promise.all(
    readers.map((reader, index) => reader.until(() => reader.text(asked[index]!.answerId).length > length)),
  )
}

/** Until something that `app` does is told over this Redis. */
async function expectHintsIn(url: string, app: TestApp): Promise<void> {
  const spy = new Redis(url)
  let isTold = false
  spy.on('pmessage', () => {
    isTold = true
  })
  await spy.psubscribe('parley:*')
  await eventually(async () => {
    await app.createConversation()
    expect(isTold).toBe(true)
  })
  spy.disconnect()
}
