import { sql } from 'kysely'
import pg from 'pg'
import { describe, expect, test } from 'vitest'
import { type Db, openDatabase, transaction } from '../../../src/server/db/connect.ts'
import { fromGlobalId, newId, type ViewerId } from '../../../src/server/ids.ts'
import { type Asked, startApp, type TestApp, type TestAppOptions } from '../../support/app.ts'
import { ending, everyRow, failure, mutate, read, succeed } from '../../support/chat.ts'
import { databases, type Place } from '../../support/databases.ts'
import { eventually } from '../../support/eventually.ts'
import { hooked, interceptor } from '../../support/intercept.ts'
import { Reading } from '../../support/reading.ts'
import { type ScriptedUpstream, startScriptedUpstream } from '../../support/scripted-provider.ts'

/** Room for one run, and nothing that looks at the queue by itself. */
const one = {
  PARLEY_LIMIT_RUNS: '1',
  PARLEY_INTERVAL_PROCESS_HEARTBEAT: '1h',
  PARLEY_TIMEOUT_PROCESS_EXPIRY: '3h',
}

describe.each(databases)('runs beyond the room for them on $name', ({ create }) => {
  test('never make two calls of the model at once, however many are sent at the same time', async () => {
    await using place = await create()
    await using upstream = await startScriptedUpstream()
    await using app = await startApp({ place, upstream, settings: one })
    const asked = await Promise.all(Array.from({ length: 50 }, (_, number) => ask(app, `Question ${number}`)))
    const prompts = new Set<string>()
    for (let call = 1; call <= 50; call += 1) {
      const run = await upstream.request()
      prompts.add(run.prompt)
      await run.text('Because.')
      expect(upstream.runs).toHaveLength(call)
      await run.finish()
    }
    expect(prompts.size).toBe(50)
    for (const { generationId } of asked) {
      expect(await ending(app, generationId)).toMatchObject({ generation: { status: 'COMPLETED' } })
    }
  })

  test('wait in the order in which they came, with their place for everybody to see', async () => {
    await using place = await create()
    await using upstream = await startScriptedUpstream()
    await using app = await startApp({ place, upstream, settings: one })
    const asked = await askEach(app, ['First', 'Second', 'Third'])
    expect(await placesOf(app, asked)).toEqual(['RUNNING null', 'QUEUED 1', 'QUEUED 2'])
    const reading = new Reading(app.follow(asked[1]!.generationId))
    await reading.until(() => reading.events.length > 0)
    expect(reading.events[0]).toMatchObject({
      __typename: 'GenerationChanged',
      generation: { status: 'QUEUED' },
    })

    await answerNext(upstream, 'First')
    const second = await upstream.request()
    expect(second.prompt).toBe('Second')
    await second.text('Because.')
    await reading.holds(asked[1]!.answerId, 'Because.')
    expect(await placesOf(app, asked)).toEqual(['COMPLETED null', 'RUNNING null', 'QUEUED 1'])
    await second.finish()
    await answerNext(upstream, 'Third')
    expect(await reading.ended).toBeNull()
    expect(await ending(app, asked[2]!.generationId)).toMatchObject({ generation: { status: 'COMPLETED' } })
  })

  test('go to their viewers in turn, first to who has the fewest', async () => {
    await using place = await create()
    await using upstream = await startScriptedUpstream()
    await using app = await startApp({ place, upstream, settings: { ...one, PARLEY_LIMIT_RUNS: '2' } })
    const running = await askEach(app, ['A1', 'B1'])
    const [a1, b1] = [await upstream.request(), await upstream.request()]
    const waiting = await askEach(app, ['A2', 'A3', 'A4', 'B2', 'B3', 'C1'])
    const [b, c] = [await addViewer(app.db), await addViewer(app.db)]
    await giveTo(app.db, b, [running[1]!, ...waiting.slice(3, 5)])
    await giveTo(app.db, c, waiting.slice(5))
    expect(await placesOf(app, waiting)).toEqual([2, 4, 6, 3, 5, 1].map((position) => `QUEUED ${position}`))

    await a1.finish()
    const c1 = await upstream.request()
    await c1.finish()
    const a2 = await upstream.request()
    await a2.finish()
    // A has none under way, and waits longer than B, who has one.
    const a3 = await upstream.request()
    await b1.finish()
    const b2 = await upstream.request()
    await b2.finish()
    const b3 = await upstream.request()
    await a3.finish()
    const a4 = await upstream.request()
    expect([c1, a2, a3, b2, b3, a4].map(({ prompt }) => prompt)).toEqual(['C1', 'A2', 'A3', 'B2', 'B3', 'A4'])
  })

  test('of a provider that has no room do not hold up those of another one', async () => {
    await using place = await create()
    await using upstream = await startScriptedUpstream()
    const settings = {
      ...one,
      PARLEY_LIMIT_RUNS: '10',
      PARLEY_LIMIT_RUNS_PER_PROVIDER: '1',
      PARLEY_DEMO_TOKENS_PER_SECOND: '100000',
    }
    await using app = await startApp({ place, upstream, settings })
    const asked = await askEach(app, ['First', 'Second', 'Third'])
    const demo = await app.ask(await app.createConversation(), 'Hi', { generate: { modelId: 'demo' } })
    expect(await ending(app, demo.generationId)).toMatchObject({ generation: { status: 'COMPLETED' } })
    expect(await placesOf(app, asked)).toEqual(['RUNNING null', 'QUEUED 1', 'QUEUED 2'])
    for (const prompt of ['First', 'Second', 'Third']) await answerNext(upstream, prompt)
    expect(await ending(app, asked[2]!.generationId)).toMatchObject({ generation: { status: 'COMPLETED' } })
  })

  test('are refused when too many wait, and then nothing is written', async () => {
    await using place = await create()
    await using upstream = await startScriptedUpstream()
    const settings = { ...one, PARLEY_LIMIT_QUEUED_RUNS: '2' }
    await using app = await startApp({ place, upstream, settings })
    await askEach(app, ['First', 'Second', 'Third'])
    const conversationId = await app.createConversation()
    const rows = await everyRow(app.db)
    const input = { conversationId, text: 'Fourth', generate: {} }
    expect(await failure(app, 'sendMessage', input)).toMatchObject({ code: 'QUOTA_EXCEEDED' })
    expect(await everyRow(app.db)).toEqual(rows)
    await answerNext(upstream, 'First')
    await answerNext(upstream, 'Second')
    await eventually(async () => void (await succeed(app, 'sendMessage', input)))
  })

  test('are refused exactly from the limit on, also when they come at once', async () => {
    await using place = await create()
    await using upstream = await startScriptedUpstream()
    const settings = { ...one, PARLEY_LIMIT_QUEUED_RUNS: '3' }
    await using app = await startApp({ place, upstream, settings })
    const conversations = await Promise.all(Array.from({ length: 12 }, () => app.createConversation()))
    const payloads = await Promise.all(
      conversations.map((conversationId) =>
        mutate(app, 'sendMessage', { conversationId, text: 'Why?', generate: {} }),
      ),
    )
    expect(payloads.filter(({ generation }) => generation)).toHaveLength(4)
    expect(payloads.flatMap(({ userErrors }) => userErrors.map(({ code }) => code))).toEqual(
      Array(8).fill('QUOTA_EXCEEDED'),
    )
  })

  test('can be canceled while they wait, and their conversation deleted', async () => {
    await using place = await create()
    await using upstream = await startScriptedUpstream()
    await using app = await startApp({ place, upstream, settings: one })
    const asked = await askEach(app, ['First', 'Second', 'Third', 'Fourth'])
    const [, second, third, fourth] = asked
    const reading = new Reading(app.follow(second!.generationId))
    await succeed(app, 'cancelGeneration', { generationId: second!.generationId })
    expect(await reading.ended).toBeNull()
    expect(reading.events.at(-1)).toMatchObject({ generation: { status: 'CANCELED' } })
    await succeed(app, 'deleteConversation', { conversationId: third!.conversationId })
    expect(await placesOf(app, [fourth!])).toEqual(['QUEUED 1'])
    await answerNext(upstream, 'First')
    await answerNext(upstream, 'Fourth')
    expect(await ending(app, fourth!.generationId)).toMatchObject({ generation: { status: 'COMPLETED' } })
    expect(upstream.runs).toHaveLength(2)
  })

  test('that are canceled while they are being taken from the queue ask no model for long', async () => {
    await using place = await create()
    await using upstream = await startScriptedUpstream()
    const { app, database } = await startIntercepted(place, upstream)
    await using _app = app
    const [, second, third] = await askEach(app, ['First', 'Second', 'Third'])
    let canceled: Promise<unknown> = Promise.resolve()
    const claimed = database.once('"epoch" = epoch + 1', () => {
      canceled = succeed(app, 'cancelGeneration', { generationId: second!.generationId })
    })
    await answerNext(upstream, 'First')
    await claimed
    await canceled
    expect(await ending(app, second!.generationId)).toMatchObject({ generation: { status: 'CANCELED' } })
    for (;;) {
      const run = await upstream.request()
      if (run.prompt === 'Second') await run.closed
      else break
    }
    await upstream.finish()
    expect(await ending(app, third!.generationId)).toMatchObject({ generation: { status: 'COMPLETED' } })
  })

  test('have room again when a send that had taken it fails', async () => {
    await using place = await create()
    await using upstream = await startScriptedUpstream()
    const refused = new Error('Refused')
    await using app = await startApp({ place, upstream, settings: one, ...failingOnce(refused) })
    await expect(ask(app, 'First')).rejects.toThrow('Internal server error')
    expect(await placesOf(app, [await ask(app, 'Second')])).toEqual(['RUNNING null'])
  })

  test('have room when the database lets a send begin anew', async () => {
    await using place = await create()
    await using upstream = await startScriptedUpstream()
    const deadlock = Object.assign(new pg.DatabaseError('deadlock', 0, 'error'), { code: '40P01' })
    await using app = await startApp({ place, upstream, settings: one, ...failingOnce(deadlock) })
    expect(await placesOf(app, [await ask(app, 'First')])).toEqual(['RUNNING null'])
  })
})

describe('processes that share one queue on Postgres', () => {
  const { create } = databases.find(({ name }) => name === 'Postgres')!
  const lively = { PARLEY_LIMIT_RUNS: '1', PARLEY_INTERVAL_PROCESS_HEARTBEAT: '50ms' }

  test('take what another one has no room for, and each run is run once', async () => {
    await using place = await create()
    await using upstream = await startScriptedUpstream()
    await using full = await startApp({ place, upstream, settings: one })
    const asked = await askEach(full, ['First', 'Second', 'Third'])
    await using other = await startApp({ place, upstream, settings: lively })
    const [first, second] = [await upstream.request(), await upstream.request()]
    expect([first.prompt, second.prompt]).toEqual(['First', 'Second'])
    expect(await placesOf(other, asked)).toEqual(['RUNNING null', 'RUNNING null', 'QUEUED 1'])
    await first.finish()
    await answerNext(upstream, 'Third')
    await second.finish()
    for (const { generationId } of asked) {
      expect(await ending(other, generationId)).toMatchObject({ generation: { status: 'COMPLETED' } })
    }
    expect(upstream.runs).toHaveLength(3)
  })

  test('do not hold up each other’s sends while there is plenty of room in it', async () => {
    await using place = await create()
    await using upstream = await startScriptedUpstream()
    await using app = await startApp({ place, upstream, settings: one })
    await ask(app, 'First')
    const { db } = await place.connect()
    await transaction(db, async (tx) => {
      // As another process does that has added a run and not yet committed it.
      await sql`select pg_advisory_xact_lock(71603185)`.execute(tx)
      expect(await placesOf(app, await askEach(app, ['Second', 'Third']))).toEqual(['QUEUED 1', 'QUEUED 2'])
    })
  })

  test('run each of many exactly once, each process one at a time', async () => {
    await using place = await create()
    await using upstream = await startScriptedUpstream({ automatic: { tokens: 3 } })
    await using a = await startApp({ place, upstream, settings: lively })
    await using b = await startApp({ place, upstream, settings: lively })
    await using c = await startApp({ place, upstream, settings: lively })
    const apps = [a, b, c]
    const asked = await Promise.all(
      Array.from({ length: 30 }, (_, number) => ask(apps[number % 3]!, `Question ${number}`)),
    )
    for (const { generationId } of asked) {
      expect(await ending(a, generationId)).toMatchObject({ generation: { status: 'COMPLETED' } })
    }
    const prompts = upstream.runs.map(({ prompt }) => prompt)
    expect(prompts.toSorted()).toEqual(asked.map((_, number) => `Question ${number}`).toSorted())
  })
})

async function ask(app: TestApp, text: string): Promise<Asked> {
  return app.ask(await app.createConversation(), text)
}

/** Each in a conversation of its own, one after the other. */
async function askEach(app: TestApp, texts: readonly string[]): Promise<Asked[]> {
  const asked: Asked[] = []
  for (const text of texts) asked.push(await ask(app, text))
  return asked
}

async function answerNext(upstream: ScriptedUpstream, prompt: string): Promise<void> {
  const run = await upstream.request()
  expect(run.prompt).toBe(prompt)
  await run.text('Because.')
  await run.finish()
}

type Waiting = { status: string; queuePosition: number | null }

/** How far the runs have come, and their places in the queue. */
async function placesOf(app: TestApp, asked: readonly Asked[]): Promise<string[]> {
  const fields = 'status queuePosition'
  const runs = asked.map(({ generationId }) => read<Waiting>(app, 'Generation', generationId, fields))
  return (await Promise.all(runs)).map(({ status, queuePosition }) => `${status} ${queuePosition}`)
}

async function startIntercepted(place: Place, upstream: ScriptedUpstream) {
  const database = interceptor()
  const overrides = { openDatabase: database.openDatabase }
  return { database, app: await startApp({ place, upstream, settings: one, ...overrides }) }
}

async function addViewer(db: Db): Promise<ViewerId> {
  const id = newId<ViewerId>()
  await sql`insert into viewer (id, handle, name, role) values (${id}, ${id}, 'Somebody', 'MEMBER')`.execute(
    db,
  )
  return id
}

/** As if this viewer had asked. */
async function giveTo(db: Db, viewer: ViewerId, asked: readonly Asked[]): Promise<void> {
  const ids = asked.map(({ generationId }) => fromGlobalId(generationId)!.key)
  await sql`update generation set viewer_id = ${viewer} where id = any(${ids}::uuid[])`.execute(db)
}

/** The database of an app, which fails once when a generation is written. */
function failingOnce(error: Error): Pick<TestAppOptions, 'openDatabase'> {
  let hasFailed = false
  const fail = (statement: string) => {
    if (hasFailed || !statement.includes('insert into "generation"')) return
    hasFailed = true
    throw error
  }
  return {
    async openDatabase(options) {
      const database = await openDatabase(options)
      return { ...database, db: hooked(database.db, fail) }
    },
  }
}
