import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { pino } from 'pino'
import { describe, expect, test } from 'vitest'
import { type Asked, sendMessageDocument, startApp, type TestApp } from '../support/app.ts'
import { databases } from '../support/databases.ts'
import { eventually } from '../support/eventually.ts'
import { postGraphQL, sendHttp } from '../support/graphql-client.ts'
import { databaseUrl, run, startPostgres } from '../support/postgres-server.ts'
import { Reading } from '../support/reading.ts'
import { automaticText, type ScriptedUpstream, startScriptedUpstream } from '../support/scripted-provider.ts'
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts'

const postgres = databases.find(({ name }) => name === 'Postgres')!

/** Everything that waits for a database waits shortly, and processes count as dead long before it is back. */
const impatient = {
  PARLEY_TIMEOUT_STATEMENT: '500ms',
  PARLEY_TIMEOUT_READY: '300ms',
  PARLEY_INTERVAL_PROCESS_HEARTBEAT: '300ms',
  PARLEY_TIMEOUT_PROCESS_EXPIRY: '1s',
  PARLEY_INTERVAL_POLL: '200ms',
}
/** Milliseconds that the database is away: several times whatever is waited for. */
const outage = 2_000

/** The embedded database can only be away together with its process. */
describe('while the database is away on Postgres', () => {
  test.each(['gone', 'silent', 'mute'] as const)(
    '(%s) the server lives, says that it is not ready, refuses with an error that asks to try again, and goes on',
    async (how) => {
      await using place = await postgres.create()
      await using proxy = await proxyOf(place.databaseUrl)
      await using upstream = await startScriptedUpstream({ automatic: { tokens: 3 } })
      await using app = await startApp({
        place: { ...place, databaseUrl: proxy.url },
        upstream,
        settings: impatient,
      })
      const conversationId = await app.createConversation()
      expect(await statusOf(app, 'ready')).toBe(200)
      proxy.set(how)
      expect(await statusOf(app, 'ready')).toBe(503)
      expect(await statusOf(app, 'health')).toBe(200)
      const input = { conversationId, text: 'Why?', generate: {}, clientMutationId: randomUUID() }
      const send = async () =>
        (await postGraphQL(app.endpoint, { query: sendMessageDocument, variables: { input } })).json()
      const refusals = [
        (await postGraphQL(app.endpoint, { query: '{ viewer { id } }' })).json(),
        await send(),
        await firstResultOf(app, conversationId),
      ]
      for (const { errors } of refusals) {
        expect(errors?.[0]?.extensions).toEqual({
          code: 'INTERNAL_SERVER_ERROR',
          retryable: true,
          requestId: expect.any(String),
        })
      }
      proxy.set('open')
      await ready(app)
      const [first, again] = [await send(), await send()]
      expect(first.errors).toBeUndefined()
      expect(again.data).toEqual(first.data)
      const { generation } = (first.data as unknown as { sendMessage: Sent }).sendMessage
      const reader = new Reading(app.follow(generation.id))
      expect(await reader.ended).toBeNull()
      expect(reader.text(generation.message.id)).toBe(automaticText(3))
      expect(upstream.runs).toHaveLength(1)
    },
  )

  test('a message whose commit was never confirmed is sent once, and answered once', async () => {
    await using place = await postgres.create()
    await using proxy = await proxyOf(place.databaseUrl)
    await using upstream = await startScriptedUpstream({ automatic: { tokens: 3 } })
    await using app = await startApp({
      place: { ...place, databaseUrl: proxy.url },
      upstream,
      settings: impatient,
    })
    const input = {
      conversationId: await app.createConversation(),
      text: 'Why?',
      generate: {},
      clientMutationId: randomUUID(),
    }
    const muted = proxy.muteAt('commit')
    const query = { query: sendMessageDocument, variables: { input } }
    const lost = (await postGraphQL(app.endpoint, query)).json()
    await muted
    expect(lost.errors?.[0]?.extensions).toMatchObject({ retryable: true })
    proxy.set('open')
    await ready(app)
    const { sendMessage } = await app.run<{ sendMessage: Sent }>(query.query, query.variables)
    const reader = new Reading(app.follow(sendMessage.generation.id))
    expect(await reader.ended).toBeNull()
    expect(reader.text(sendMessage.generation.message.id)).toBe(automaticText(3))
    const { db } = await place.connect()
    expect(await db.selectFrom('message').select('role').orderBy('created_at').execute()).toEqual([
      { role: 'USER' },
      { role: 'ASSISTANT' },
    ])
    expect(upstream.runs).toHaveLength(1)
  })

  test.each(['gone', 'silent', 'mute'] as const)(
    '(%s) runs and their readers lose nothing, and no process takes the runs of another one',
    async (how) => {
      await using place = await postgres.create()
      await using proxy = await proxyOf(place.databaseUrl)
      const reachable = { ...place, databaseUrl: proxy.url }
      await using upstream = await startScriptedUpstream({ automatic: { tokens: 100, pace: 10 } })
      await using writer = await startApp({ place: reachable, upstream, settings: impatient })
      await using other = await startApp({ place: reachable, upstream, settings: impatient })
      await expectNothingLost([writer, other], upstream, async () => {
        proxy.set(how)
        await delay(outage)
        expect(await statusOf(writer, 'ready')).toBe(503)
        proxy.set('open')
      })
    },
  )

  test('a Postgres that crashes and is started again costs runs and readers nothing', async () => {
    await using server = await ownServer()
    const place = { databaseUrl: server.url, dataDir: '' }
    await using upstream = await startScriptedUpstream({ automatic: { tokens: 100, pace: 10 } })
    await using writer = await startApp({ place, upstream, settings: impatient })
    await using other = await startApp({ place, upstream, settings: impatient })
    await expectNothingLost([writer, other], upstream, async () => {
      await server.crash()
      await delay(outage)
      expect(await statusOf(writer, 'ready')).toBe(503)
      await server.restart()
    })
    await writer.ask(await writer.createConversation())
  })

  test.each(['gone', 'silent', 'mute'] as const)('(%s) a stop does not wait for it', async (how) => {
    await using place = await postgres.create()
    await using proxy = await proxyOf(place.databaseUrl)
    await using upstream = await startScriptedUpstream()
    const { log, lines } = recordingLog()
    const reachable = { ...place, databaseUrl: proxy.url }
    await using app = await startApp({ place: reachable, upstream, settings: impatient, log })
    const asked = await app.ask(await app.createConversation())
    const reader = new Reading(app.follow(asked.generationId))
    const run = await upstream.request()
    await run.text('Kept. ')
    await reader.holds(asked.answerId, 'Kept. ')
    proxy.set(how)
    await run.text('Lost.')
    while ((await statusOf(app, 'ready')) !== 503);
    await app.close()
    await using other = await startApp({ place, settings: impatient })
    await eventually(async () =>
      expect(await other.message(asked.answerId)).toMatchObject({
        status: 'INTERRUPTED',
        // What a mute one was told before the stop, it may have done.
        text: expect.stringMatching(how === 'mute' ? /^Kept\. (Lost\.)?$/ : /^Kept\. $/),
      }),
    )
    const words = lines.map(({ level, msg }) => `${level} ${msg}`)
    expect(words.filter((line) => !line.startsWith('40 '))).toEqual([])
    expect(new Set(words).size).toBe(words.length)
  })

  test('a model is held back once much is waiting, and all of it is kept', async () => {
    await using place = await postgres.create()
    await using proxy = await proxyOf(place.databaseUrl)
    await using upstream = await startScriptedUpstream()
    await using app = await startApp({
      place: { ...place, databaseUrl: proxy.url },
      upstream,
      // Each statement about so much text takes its time.
      settings: { ...impatient, PARLEY_TIMEOUT_STATEMENT: '10s' },
    })
    const asked = await app.ask(await app.createConversation())
    const reader = new Reading(app.follow(asked.generationId))
    const run = await upstream.request()
    await run.text('Before. ')
    await reader.holds(asked.answerId, 'Before. ')
    proxy.set('gone')
    const much = 'x'.repeat(100_000)
    const writing = (async () => {
      // More than what is gathered and what the sockets between take.
      for (let times = 0; times < 150; times++) await run.text(much)
      await run.finish()
      return 'written'
    })()
    expect(await Promise.race([writing, delay(outage, 'held back')])).toBe('held back')
    proxy.set('open')
    await writing
    expect(await reader.ended).toBeNull()
    expect(reader.text(asked.answerId) === `Before. ${much.repeat(150)}`).toBe(true)
    expect(await app.message(asked.answerId)).toMatchObject({ status: 'COMPLETED' })
  })
})

/** Runs whose models end while the database is away, with readers in both processes, one for each run and transport. */
async function expectNothingLost(
  [writer, other]: readonly [TestApp, TestApp],
  upstream: ScriptedUpstream,
  goAway: () => Promise<void>,
): Promise<void> {
  const asked: Asked[] = []
  while (asked.length < 8) asked.push(await writer.ask(await writer.createConversation()))
  const readers = asked.flatMap(({ generationId, answerId }) =>
    [writer.follow(generationId), other.follow(generationId, { over: 'SSE' })].map((events) => ({
      answerId,
      reading: new Reading(events),
    })),
  )
  await Promise.all(
    readers.map(({ answerId, reading }) => reading.until(() => reading.text(answerId) !== '')),
  )
  await goAway()
  for (const { answerId, reading } of readers) {
    expect(await reading.ended).toBeNull()
    expect(reading.events.at(-1)).toMatchObject({ generation: { status: 'COMPLETED', failure: null } })
    expect(reading.text(answerId)).toBe(automaticText(100))
  }
  for (const { answerId } of asked) {
    expect(await other.message(answerId)).toMatchObject({ status: 'COMPLETED', text: automaticText(100) })
  }
  expect(upstream.runs).toHaveLength(asked.length)
}

/** Warnings and worse, in order. */
function recordingLog() {
  const lines: { level: number; msg: string; err?: unknown }[] = []
  return { log: pino({ level: 'warn' }, { write: (line) => void lines.push(JSON.parse(line)) }), lines }
}

async function ready(app: TestApp): Promise<void> {
  while ((await statusOf(app, 'ready')) !== 200);
}

type Sent = { generation: { id: string; message: { id: string } } }

type Result = { errors?: readonly { extensions?: unknown }[] }

/** What a subscription that begins now is answered with, over SSE. */
async function firstResultOf(app: TestApp, conversationId: string): Promise<Result> {
  const events = app.followConversation(conversationId, { over: 'SSE' })
  return events.next().then(
    () => ({}),
    (error: Error) => ({ errors: JSON.parse(error.message) }),
  )
}

/** A Postgres that nobody else uses. */
async function ownServer() {
  const server = await startPostgres()
  await run(server.url, 'create database parley')
  return { ...server, url: databaseUrl(server.url, 'parley'), [Symbol.asyncDispose]: server.stop }
}

async function proxyOf(databaseUrl: string | null): Promise<TcpProxy & { url: string }> {
  const url = new URL(databaseUrl ?? '')
  const folder = url.searchParams.get('host')
  const port = Number(url.port || url.searchParams.get('port') || 5432)
  const target = folder ? { path: `${folder}/.s.PGSQL.${port}` } : { host: url.hostname, port }
  const proxy = await startTcpProxy(target)
  return {
    ...proxy,
    url: `postgres://${url.username || 'postgres'}:${url.password}@127.0.0.1:${proxy.port}${url.pathname}`,
  }
}

async function statusOf(app: TestApp, path: string): Promise<number> {
  return (await sendHttp(new URL(path, app.url).href)).status
}
