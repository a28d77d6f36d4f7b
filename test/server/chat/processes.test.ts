import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { sql } from 'kysely'
import { describe, expect, test } from 'vitest'
import type { Db } from '../../../src/server/db/connect.ts'
import { StartError } from '../../../src/server/errors.ts'
import { fromGlobalId, type GenerationId, type ProcessId } from '../../../src/server/ids.ts'
import { type Asked, startApp, type TestApp } from '../../support/app.ts'
import { databases, type Place } from '../../support/databases.ts'
import { fold, nothingHeld } from '../../support/fold.ts'
import { interceptor } from '../../support/intercept.ts'
import { Reading } from '../../support/reading.ts'
import {
  automaticText,
  type ScriptedUpstream,
  startScriptedUpstream,
} from '../../support/scripted-provider.ts'

const postgres = databases.find(({ name }) => name === 'Postgres')!

/** What one process does, another one sees soon. */
const lively = { PARLEY_INTERVAL_PROCESS_HEARTBEAT: '50ms', PARLEY_INTERVAL_POLL: '20ms' }
/** Shows a sign of life when it starts, and none again in any test's time. */
const silent = {
  ...lively,
  PARLEY_INTERVAL_PROCESS_HEARTBEAT: '1h',
  PARLEY_TIMEOUT_PROCESS_EXPIRY: '3h',
}

describe('a run of a process that is gone, on Postgres', () => {
  test('ends INTERRUPTED where it has text, and nothing that its old writer still says is ever shown', async () => {
    await using place = await postgres.create()
    await using upstream = await startScriptedUpstream()
    await using gone = await start(place, upstream, silent)
    await using living = await start(place, upstream, lively)
    const asked = await askSomething(gone)
    const readers = [...readersOf(gone, asked), ...readersOf(living, asked)]
    const run = await upstream.request()
    await run.text('Once upon ')
    await Promise.all(readers.map((reader) => reader.holds(asked.answerId, 'Once upon ')))

    await takeFromOwner(living.db, asked)
    await Promise.all(readers.map((reader) => reader.ended))
    await run.text('a time')
    await run.closed

    for (const reader of readers) {
      expect(reader.text(asked.answerId)).toBe('Once upon ')
      expect(reader.events.at(-1)).toMatchObject({
        generation: { status: 'INTERRUPTED', finishReason: 'INTERRUPTED', failure: null },
      })
    }
    expect(await living.message(asked.answerId)).toMatchObject({ status: 'INTERRUPTED', text: 'Once upon ' })
    expect(await countChunks(living.db)).toBe(0)
  })

  test('starts again elsewhere where it has no text, and readers of both processes see that', async () => {
    await using place = await postgres.create()
    await using upstream = await startScriptedUpstream()
    await using gone = await start(place, upstream, silent)
    await using living = await start(place, upstream, lively)
    const asked = await askSomething(gone)
    const readers = [...readersOf(gone, asked), ...readersOf(living, asked)]
    const first = await upstream.request()
    await takeFromOwner(living.db, asked)

    const second = await upstream.request()
    // The old writer speaks while the new one holds the run, and is cut off without having been heard.
    await first.text('Stale')
    await first.closed
    expect(await countChunks(living.db)).toBe(0)
    await second.text('Fresh')
    await Promise.all(readers.map((reader) => reader.holds(asked.answerId, 'Fresh')))
    await second.finish()

    for (const reader of readers) {
      expect(await reader.ended).toBeNull()
      expect(reader.text(asked.answerId)).toBe('Fresh')
      expect(reader.events.at(-1)).toMatchObject({ generation: { status: 'COMPLETED' } })
    }
    expect(upstream.runs).toHaveLength(2)
  })

  test('can’t be ended by its old process while it waits in the queue', async () => {
    await using place = await postgres.create()
    await using upstream = await startScriptedUpstream()
    const database = interceptor()
    await using gone = await startApp({
      place,
      upstream,
      settings: silent,
      openDatabase: database.openDatabase,
    })
    const asked = await askSomething(gone)
    const first = await upstream.request()
    await sql`update generation set status = 'QUEUED', owner_id = null`.execute(gone.db)
    const tried = database.once('for update of "conversation", "generation"', () => {})
    await first.fail({ status: 400, type: 'invalid_request_error' })
    await tried
    await using living = await start(place, upstream, lively)
    await upstream.request()
    await upstream.text('Fresh')
    await upstream.finish()
    expect(await answersTo(living, [asked])).toEqual(['Fresh'])
    expect(await living.message(asked.answerId)).toMatchObject({ status: 'COMPLETED', text: 'Fresh' })
  })

  test('is taken over although another one can’t be', async () => {
    await using place = await postgres.create()
    await using upstream = await startScriptedUpstream()
    await using gone = await start(place, upstream, silent)
    await using living = await start(place, upstream, lively)
    const [stuck, asked] = [await askSomething(gone), await askSomething(gone)]
    await upstream.request()
    await upstream.request()
    await refuseUpdates(living.db, stuck)
    await takeFromOwner(living.db, asked)
    await upstream.request()
    await upstream.text('Fresh')
    await upstream.finish()
    expect(await answersTo(living, [asked])).toEqual(['Fresh'])
  })

  test('is taken over when the time of its process has run out, and not before', async () => {
    await using place = await postgres.create()
    await using upstream = await startScriptedUpstream()
    await using living = await start(place, upstream, lively)
    await using gone = await start(place, upstream, { ...lively, PARLEY_TIMEOUT_PROCESS_EXPIRY: '4s' })
    const asked = await askSomething(gone)
    const reader = new Reading(living.follow(asked.generationId))
    await (await upstream.request()).text('Once')
    await reader.holds(asked.answerId, 'Once')

    // From here on it waits to write its next sign of life.
    const { db } = await place.connect()
    const held = await db.startTransaction().execute()
    const { expires_at: expiry } = await ownerOf(held, asked).forUpdate('process').executeTakeFirstOrThrow()
    await reader.ended
    await held.rollback().execute()
    const { finished_at: end } = await living.db
      .selectFrom('generation')
      .select('finished_at')
      .executeTakeFirstOrThrow()
    expect(Number(end) - Number(expiry)).toBeGreaterThanOrEqual(0)
    expect(Number(end) - Number(expiry)).toBeLessThan(10_000)
    expect(await living.message(asked.answerId)).toMatchObject({ status: 'INTERRUPTED', text: 'Once' })
  })

  test('is not taken from a process that was only cut off from the database together with others', async () => {
    await using place = await postgres.create()
    await using upstream = await startScriptedUpstream()
    const settings = { ...lively, PARLEY_TIMEOUT_PROCESS_EXPIRY: '1s' }
    await using early = await start(place, upstream, settings)
    await using late = await start(place, upstream, settings)
    const asked = await askSomething(late)
    const { id } = await ownerOf(early.db, asked).executeTakeFirstOrThrow()
    const run = await upstream.request()

    const { db } = await place.connect()
    const [all, lateOnly] = [await db.startTransaction().execute(), await db.startTransaction().execute()]
    await sql`select from process where id = ${id} for update`.execute(lateOnly)
    await sql`select from process where id <> ${id} for update`.execute(all)
    const { rows } = await sql<{ at: Date }>`select clock_timestamp() as at`.execute(db)
    await until(() => hasExpired(db, id))
    await all.rollback().execute()
    // Two signs of life: between them lies a whole look at the others.
    await until(() => beatsAfter(db, id, rows[0]!.at))
    const { rows: again } = await sql<{ at: Date }>`select clock_timestamp() + interval '1 s' as at`.execute(
      db,
    )
    await until(() => beatsAfter(db, id, again[0]!.at))
    await lateOnly.rollback().execute()

    await run.text('Once')
    await run.finish()
    expect(await answersTo(early, [asked])).toEqual(['Once'])
    expect(await early.message(asked.answerId)).toMatchObject({ status: 'COMPLETED', text: 'Once' })
    expect(upstream.runs).toHaveLength(1)
  })

  test('begins again in its old process when that comes to itself and nobody else has', async () => {
    await using place = await postgres.create()
    await using upstream = await startScriptedUpstream()
    await using app = await start(place, upstream, lively)
    const asked = await askSomething(app)
    const first = await upstream.request()
    await sql`update generation set status = 'QUEUED', owner_id = null`.execute(app.db)
    await first.closed
    await (await upstream.request()).text('Fresh')
    await upstream.finish()
    expect(await answersTo(app, [asked])).toEqual(['Fresh'])
  })

  test('is left by its old process as soon as that notices, and its readers there catch up', async () => {
    await using place = await postgres.create()
    await using upstream = await startScriptedUpstream()
    await using slow = await start(place, upstream, { ...lively, PARLEY_INTERVAL_PROCESS_HEARTBEAT: '2s' })
    await using living = await start(place, upstream, lively)
    const asked = await askSomething(slow)
    const readers = [...readersOf(slow, asked), ...readersOf(living, asked)]
    const first = await upstream.request()
    await takeFromOwner(living.db, asked)
    const second = await upstream.request()
    // The old process does not know yet that this text is not its own run's, and nothing follows it.
    await second.text('Fresh')
    await Promise.all(readers.slice(2).map((reader) => reader.holds(asked.answerId, 'Fresh')))
    await first.closed
    await Promise.all(readers.map((reader) => reader.holds(asked.answerId, 'Fresh')))
    await second.finish()
    for (const reader of readers) expect(await reader.ended).toBeNull()
    expect(await slow.message(asked.answerId)).toMatchObject({ status: 'COMPLETED', text: 'Fresh' })
  })
})

describe('a writer and whoever takes its run, at the same moment on Postgres', () => {
  test('text that waits for the takeover is refused', async () => {
    await using place = await postgres.create()
    await using upstream = await startScriptedUpstream()
    await using gone = await start(place, upstream, silent)
    await using living = await start(place, upstream, lively)
    const asked = await askSomething(gone)
    const readers = [...readersOf(gone, asked), ...readersOf(living, asked)]
    const run = await upstream.request()
    await run.text('Once')
    await Promise.all(readers.map((reader) => reader.holds(asked.answerId, 'Once')))

    // The takeover has the run, has read its text, and can't commit before this lock is given back.
    const { db } = await place.connect()
    const held = await db.startTransaction().execute()
    await held.selectFrom('message').select('id').where('role', '=', 'ASSISTANT').forUpdate().execute()
    await expire(db, asked)
    await waiting(db, 'update "message"')
    await run.text(' upon a time')
    await waiting(db, 'insert into chunk')
    await held.rollback().execute()

    await run.closed
    for (const reader of readers) await reader.ended
    for (const reader of readers) expect(reader.text(asked.answerId)).toBe('Once')
    expect(await living.message(asked.answerId)).toMatchObject({ status: 'INTERRUPTED', text: 'Once' })
    expect(await countChunks(db)).toBe(0)
  })

  test('text that the takeover waits for is kept', async () => {
    await using place = await postgres.create()
    await using upstream = await startScriptedUpstream()
    await using gone = await start(place, upstream, silent)
    await using living = await start(place, upstream, lively)
    const asked = await askSomething(gone)
    const readers = [...readersOf(gone, asked), ...readersOf(living, asked)]
    const run = await upstream.request()

    // The same place in the text, not committed: the writer's own row has to wait for it.
    const { db } = await place.connect()
    const held = await db.startTransaction().execute()
    await sql`insert into chunk (generation_id, part, start, length, kind, text)
      values (${keyOf(asked.generationId)}, 0, 0, 1, 'TEXT', '?')`.execute(held)
    await run.text('Once')
    await waiting(db, 'insert into chunk')
    await expire(db, asked)
    await waiting(db, 'for update')
    await held.rollback().execute()

    for (const reader of readers) await reader.ended
    for (const reader of readers) expect(reader.text(asked.answerId)).toBe('Once')
    expect(await living.message(asked.answerId)).toMatchObject({ status: 'INTERRUPTED', text: 'Once' })
    expect(upstream.runs).toHaveLength(1)
  })
})

describe('processes beside each other on Postgres', () => {
  test.each(['WebSocket', 'SSE'] as const)(
    'a reader over %s of one process follows a run of the other as it grows',
    async (over) => {
      await using place = await postgres.create()
      await using upstream = await startScriptedUpstream()
      await using writer = await start(place, upstream, lively)
      await using other = await start(place, upstream, lively)
      const asked = await askSomething(writer)
      const reader = new Reading(other.follow(asked.generationId, { over }))
      const wholeConversation = new Reading(other.followConversation(asked.conversationId, { over }))
      await upstream.request()
      let said = ''
      for (const text of ['One', ' two', ' 🎉three', ' أربعة']) {
        said += text
        await upstream.text(text)
        // The upstream goes on only when this was seen.
        await reader.holds(asked.answerId, said)
        await wholeConversation.holds(asked.answerId, said)
      }
      await upstream.finish()
      expect(await reader.ended).toBeNull()
      expect(reader.text(asked.answerId)).toBe(said)
      expect((await other.message(asked.answerId)).text).toBe(said)
    },
  )

  test('an answer that is said in one go is the same text for readers of every process', async () => {
    await using place = await postgres.create()
    await using upstream = await startScriptedUpstream({ automatic: { tokens: 2_000 } })
    await using writer = await start(place, upstream, lively)
    await using other = await start(place, upstream, lively)
    const asked = await askSomething(writer)
    const readers = [...readersOf(writer, asked), ...readersOf(other, asked)]
    for (const reader of readers) {
      expect(await reader.ended).toBeNull()
      expect(reader.text(asked.answerId)).toBe(automaticText(2_000))
    }
    expect((await other.message(asked.answerId)).text).toBe(automaticText(2_000))
  })

  test.each(['WebSocket', 'SSE'] as const)(
    'a reader over %s goes on with its cursor on the other process after every event',
    async (over) => {
      await using place = await postgres.create()
      await using upstream = await startScriptedUpstream()
      await using one = await start(place, upstream, lively)
      await using other = await start(place, upstream, lively)
      const { generationId, answerId } = await askSomething(one)
      let held = nothingHeld
      let connections = 0
      const readOne = async () => {
        const app = connections++ % 2 === 0 ? one : other
        for await (const event of app.follow(generationId, { after: held.cursor, over })) {
          held = fold(held, event)
          return event.__typename
        }
        return null
      }
      const run = await upstream.request()
      let said = ''
      for (const word of ['One', ' two', ' three', ' four', ' five', ' six', ' seven', ' eight']) {
        said += word
        await run.text(word)
        while (held.texts.join('') !== said) await readOne()
      }
      await run.finish()
      while ((await readOne()) !== 'GenerationFinished');
      expect(held.texts).toEqual([said])
      expect((await one.message(answerId)).text).toBe(said)
    },
  )

  test('the same message sent to both with one key is sent once', async () => {
    await using place = await postgres.create()
    await using upstream = await startScriptedUpstream({ automatic: { tokens: 3 } })
    await using one = await start(place, upstream, lively)
    await using other = await start(place, upstream, lively)
    const conversationId = await one.createConversation()
    const input = { clientMutationId: 'sent-on-two-connections' }
    const asked = await Promise.all(
      [one, other, one, other].map((app) => app.ask(conversationId, 'Question 0', input)),
    )
    expect(new Set(asked.map(({ generationId }) => generationId)).size).toBe(1)
    expect(await answersTo(one, [asked[0]!])).toEqual([automaticText(3)])
    expect(promptsOf(upstream)).toEqual(['Question 0'])
  })

  test('a run is canceled from another process, while its model is silent', async () => {
    await using place = await postgres.create()
    await using upstream = await startScriptedUpstream()
    await using writer = await start(place, upstream, lively)
    await using other = await start(place, upstream, lively)
    const asked = await askSomething(writer)
    const readers = [...readersOf(writer, asked), ...readersOf(other, asked)]
    const run = await upstream.request()
    await run.text('Once')
    await Promise.all(readers.map((reader) => reader.holds(asked.answerId, 'Once')))
    await cancel(other, asked)
    await run.closed
    for (const reader of readers) {
      expect(await reader.ended).toBeNull()
      expect(reader.events.at(-1)).toMatchObject({ generation: { status: 'CANCELED' } })
    }
    expect(await writer.message(asked.answerId)).toMatchObject({ status: 'CANCELED', text: 'Once' })
  })

  test('a run is canceled from another process, while its model talks and its own does not look', async () => {
    await using place = await postgres.create()
    await using upstream = await startScriptedUpstream()
    await using writer = await start(place, upstream, silent)
    await using other = await start(place, upstream, lively)
    const asked = await askSomething(writer)
    const reader = new Reading(other.follow(asked.generationId))
    const run = await upstream.request()
    await run.text('Once')
    await reader.holds(asked.answerId, 'Once')
    await cancel(other, asked)
    await run.text(' upon')
    await run.closed
    expect(await writer.message(asked.answerId)).toMatchObject({ status: 'CANCELED', text: 'Once' })
    expect(await countChunks(other.db)).toBe(0)
  })

  test('hand over what has no text yet when one of them stops', async () => {
    await using place = await postgres.create()
    await using upstream = await startScriptedUpstream()
    await using other = await start(place, upstream, lively)
    await using stopping = await start(place, upstream, lively)
    const asked = await askSomething(stopping)
    const readers = readersOf(other, asked)
    const first = await upstream.request()
    await stopping.close()
    await first.closed
    await upstream.request()
    await upstream.text('Here I am')
    await upstream.finish()
    for (const reader of readers) {
      expect(await reader.ended).toBeNull()
      expect(reader.text(asked.answerId)).toBe('Here I am')
    }
    expect(await other.message(asked.answerId)).toMatchObject({ status: 'COMPLETED', text: 'Here I am' })
  })

  test('leave the queue alone where they can’t listen', async () => {
    await using place = await postgres.create()
    await leaveQueued(place, 1)
    await using upstream = await startScriptedUpstream()
    await using taken = await listening()
    await expect(start(place, upstream, { ...lively, PORT: taken.port })).rejects.toThrow(StartError)
    const { db } = await place.connect()
    expect(await db.selectFrom('generation').select(['status', 'epoch']).execute()).toEqual([
      { status: 'QUEUED', epoch: 1 },
    ])
    expect(upstream.runs).toEqual([])
  })

  test('that start at once run each of 20 queued runs exactly once', async () => {
    await using place = await postgres.create()
    const questions = await leaveQueued(place, 20)
    await using upstream = await startScriptedUpstream({ automatic: { tokens: 3 } })
    await using both = await startBoth(place, upstream)
    expect(await answersTo(both.apps[0], questions)).toEqual(questions.map(() => automaticText(3)))
    expect(promptsOf(upstream)).toEqual(questions.map((_, number) => `Question ${number}`).toSorted())
  })

  test('that start at once take 20 runs of a dead process and run each exactly once', async () => {
    await using place = await postgres.create()
    await using deaf = await startScriptedUpstream()
    await using gone = await start(place, deaf, silent)
    const questions = await askMany(gone, deaf, 20)
    await sql`update process set expires_at = clock_timestamp() - interval '1 ms'`.execute(gone.db)
    await using upstream = await startScriptedUpstream({ automatic: { tokens: 3 } })
    await using both = await startBoth(place, upstream)
    expect(await answersTo(both.apps[1], questions)).toEqual(questions.map(() => automaticText(3)))
    expect(promptsOf(upstream)).toEqual(questions.map((_, number) => `Question ${number}`).toSorted())
  })
})

function start(place: Place, upstream: ScriptedUpstream, settings: Record<string, string>): Promise<TestApp> {
  return startApp({ place, upstream, settings })
}

async function askSomething(app: TestApp): Promise<Asked> {
  return app.ask(await app.createConversation())
}

/** Readers of one run, over both transports. */
function readersOf(app: TestApp, { generationId }: Asked): Reading[] {
  return [new Reading(app.follow(generationId)), new Reading(app.follow(generationId, { over: 'SSE' }))]
}

async function cancel(app: TestApp, { generationId }: Asked): Promise<void> {
  const { cancelGeneration } = await app.run<{ cancelGeneration: { userErrors: unknown[] } }>(
    'mutation ($id: ID!) { cancelGeneration(input: { generationId: $id }) { userErrors { message } } }',
    { id: generationId },
  )
  expect(cancelGeneration.userErrors).toEqual([])
}

function keyOf(globalId: string): string {
  return fromGlobalId(globalId)!.key
}

function ownerOf(db: Db, { generationId }: Asked) {
  return db
    .selectFrom('process')
    .innerJoin('generation', 'owner_id', 'process.id')
    .where('generation.id', '=', keyOf(generationId) as GenerationId)
    .selectAll('process')
}

/** As if the run's process had shown no sign of life for long. */
async function expire(db: Db, { generationId }: Asked): Promise<void> {
  await sql`update process set expires_at = clock_timestamp() - interval '1 ms'
    from generation where process.id = owner_id and generation.id = ${keyOf(generationId)}`.execute(db)
}

/** The same, until another process has taken the run: its own may come to life in between. */
async function takeFromOwner(db: Db, asked: Asked): Promise<void> {
  const { id } = await ownerOf(db, asked).executeTakeFirstOrThrow()
  const isTaken = async () => {
    const { rows } = await sql`select from generation
      where id = ${keyOf(asked.generationId)} and (status <> 'RUNNING' or owner_id <> ${id})`.execute(db)
    return rows.length > 0
  }
  await until(async () => {
    await sql`update process set expires_at = clock_timestamp() - interval '1 ms' where id = ${id}`.execute(
      db,
    )
    return isTaken()
  })
}

/** Whether a process counts as dead, and has for a moment. */
async function hasExpired(db: Db, id: ProcessId): Promise<boolean> {
  const { rows } = await sql`select from process where id = ${id}
    and expires_at < clock_timestamp() - interval '100 ms'`.execute(db)
  return rows.length > 0
}

/** Whether the other process has shown a sign of life that lasts until so late. */
async function beatsAfter(db: Db, id: ProcessId, at: Date): Promise<boolean> {
  const { rows } = await sql`select from process where id <> ${id} and expires_at > ${at}`.execute(db)
  return rows.length > 0
}

/** As where the database has a fault in one row. */
async function refuseUpdates(db: Db, { generationId }: Asked): Promise<void> {
  await sql`create function refuse() returns trigger language plpgsql as
    $$ begin raise exception 'refused'; end $$`.execute(db)
  await sql`create trigger refused before update on generation for each row
    when (old.id = ${sql.lit(keyOf(generationId))}) execute function refuse()`.execute(db)
}

/** Resolves when a statement that contains `text` waits for a lock. */
async function waiting(db: Db, text: string): Promise<void> {
  await until(async () => {
    const { rows } = await sql`select from pg_stat_activity where datname = current_database()
      and wait_event_type = 'Lock' and position(${text} in query) > 0`.execute(db)
    return rows.length > 0
  })
}

async function until(check: () => Promise<boolean>): Promise<void> {
  while (!(await check())) await delay(10)
}

async function countChunks(db: Db): Promise<number> {
  const { rows } = await sql<{ count: number }>`select count(*)::integer as count from chunk`.execute(db)
  return rows[0]!.count
}

/** Asks so many questions, each in a conversation of its own, and waits until the model was asked all of them. */
async function askMany(app: TestApp, upstream: ScriptedUpstream, count: number): Promise<Asked[]> {
  const asked: Asked[] = []
  for (let number = 0; number < count; number += 1) {
    asked.push(await app.ask(await app.createConversation(), `Question ${number}`))
    await upstream.request()
  }
  return asked
}

/** Somebody else's server. */
async function listening() {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return { port: String(port), [Symbol.asyncDispose]: async () => void server.close() }
}

/** A process that stops in good order puts what has no text yet back in the queue. */
async function leaveQueued(place: Place, count: number): Promise<Asked[]> {
  await using upstream = await startScriptedUpstream()
  await using app = await start(place, upstream, lively)
  return await askMany(app, upstream, count)
}

async function startBoth(place: Place, upstream: ScriptedUpstream) {
  const apps = await Promise.all([start(place, upstream, lively), start(place, upstream, lively)] as const)
  return {
    apps,
    [Symbol.asyncDispose]: async () => void (await Promise.all(apps.map((app) => app.close()))),
  }
}

/** Reads every answer to its end. */
async function answersTo(app: TestApp, questions: readonly Asked[]): Promise<string[]> {
  const readers = questions.map(({ generationId }) => new Reading(app.follow(generationId, { over: 'SSE' })))
  await Promise.all(readers.map((reader) => reader.ended))
  return readers.map((reader, index) => reader.text(questions[index]!.answerId))
}

/** What the model was asked, in the order of the alphabet. */
function promptsOf({ runs }: ScriptedUpstream): string[] {
  return runs.map((run) => run.prompt).toSorted()
}
