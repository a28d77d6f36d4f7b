import { sql } from 'kysely'
import { describe, expect, test } from 'vitest'
import type { Db } from '../../../src/server/db/connect.ts'
import { fromGlobalId } from '../../../src/server/ids.ts'
import { type Asked, startApp, type TestApp } from '../../support/app.ts'
import { ending, read, succeed } from '../../support/chat.ts'
import { databases, type Place } from '../../support/databases.ts'
import { eventually } from '../../support/eventually.ts'
import { Reading } from '../../support/reading.ts'
import { type ScriptedUpstream, startScriptedUpstream } from '../../support/scripted-provider.ts'

/** Finds at once what others have left. */
const lively = { PARLEY_INTERVAL_PROCESS_HEARTBEAT: '50ms', PARLEY_INTERVAL_POLL: '20ms' }
/** Shows a sign of life when it starts, and none again in any test's time. */
const silent = { PARLEY_INTERVAL_PROCESS_HEARTBEAT: '1h', PARLEY_TIMEOUT_PROCESS_EXPIRY: '3h' }

describe('two processes and one run, at the same moment on Postgres', () => {
  const { create } = databases.find(({ name }) => name === 'Postgres')!

  test('one of them takes it from a dead one, and it has lost one process', async () => {
    await using place = await create()
    await using upstream = await startScriptedUpstream()
    await using gone = await startApp({ place, upstream, settings: silent })
    const asked = await gone.ask(await gone.createConversation())
    await upstream.request()
    await using both = await startTwo(place, upstream)
    await whileLocked(both.one.db, asked, async () => {
      await sql`update process set expires_at = clock_timestamp() - interval '1 ms' from generation
        where process.id = owner_id and generation.id = ${keyOf(asked.generationId)}`.execute(gone.db)
      await waiting(both.one.db, 'from "conversation"', 2)
    })
    await finishOnly(both.one, upstream, asked, 2)
    const { rows } = await sql`select lost_processes, epoch from generation`.execute(both.one.db)
    expect(rows).toEqual([{ lost_processes: 1, epoch: 2 }])
  })

  test('one of them takes it from the queue', async () => {
    await using place = await create()
    await using upstream = await startScriptedUpstream()
    const asked = await leaveQueued(place, upstream)
    const { db } = await place.connect()
    await using stack = new AsyncDisposableStack()
    const both = await whileLocked(db, asked, async () => {
      const started = stack.use(await startTwo(place, upstream))
      await waiting(db, 'from "conversation"', 2)
      return started
    })
    await finishOnly(both.one, upstream, asked, 2)
  })

  test('text whose commit is under way when somebody cancels elsewhere is kept, and so is what was read', async () => {
    await using place = await create()
    await using upstream = await startScriptedUpstream()
    await using writing = await startApp({ place, upstream, settings: silent })
    await using other = await startApp({ place, upstream, settings: lively })
    const asked = await writing.ask(await writing.createConversation())
    const reading = new Reading(writing.follow(asked.generationId))
    const run = await upstream.request()
    await run.text('Once')
    await reading.holds(asked.answerId, 'Once')
    await eventually(async () => {
      const { rows } = await sql`select input_tokens from generation`.execute(other.db)
      expect(rows).toEqual([{ input_tokens: 12 }])
    })

    // The same place in the text, not committed: the writer's own row has to wait for it.
    const { db } = await place.connect()
    const held = await db.startTransaction().execute()
    await sql`insert into chunk (generation_id, part, start, length, kind, text)
      values (${keyOf(asked.generationId)}, 0, 4, 1, 'TEXT', '?')`.execute(held)
    await run.text(' upon')
    await waiting(db, 'insert into chunk', 1)
    const canceling = succeed(other, 'cancelGeneration', { generationId: asked.generationId })
    await waiting(db, 'for update', 1)
    await held.rollback().execute()
    await canceling

    expect(await reading.ended).toBeNull()
    expect(reading.text(asked.answerId)).toBe('Once upon')
    expect(await other.message(asked.answerId)).toMatchObject({ status: 'CANCELED', text: 'Once upon' })
    const fields = 'usage { inputTokens outputTokens estimated }'
    expect(await read(other, 'Generation', asked.generationId, fields)).toEqual({
      usage: { inputTokens: 12, outputTokens: expect.any(Number), estimated: true },
    })
  })
})

async function startTwo(place: Place, upstream: ScriptedUpstream) {
  const start = () => startApp({ place, upstream, settings: lively })
  const [one, other] = await Promise.all([start(), start()])
  return {
    one,
    [Symbol.asyncDispose]: async () => void (await Promise.all([one.close(), other.close()])),
  }
}

/** A run that a process has put back into the queue when it stopped. */
async function leaveQueued(place: Place, upstream: ScriptedUpstream): Promise<Asked> {
  await using app = await startApp({ place, upstream })
  const asked = await app.ask(await app.createConversation())
  await upstream.request()
  return asked
}

/** Answers the run, which the model must have been asked for so many times in all. */
async function finishOnly(
  app: TestApp,
  upstream: ScriptedUpstream,
  { generationId, answerId }: Asked,
  calls: number,
): Promise<void> {
  await upstream.request()
  await upstream.text('Fresh')
  await upstream.finish()
  expect(await ending(app, generationId)).toMatchObject({ generation: { status: 'COMPLETED' } })
  expect(await app.message(answerId)).toMatchObject({ text: 'Fresh' })
  expect(upstream.runs).toHaveLength(calls)
}

/** Holds the lock that whoever takes a run of this conversation has to wait for. */
async function whileLocked<T>(db: Db, { conversationId }: Asked, work: () => Promise<T>): Promise<T> {
  const held = await db.startTransaction().execute()
  await sql`select from conversation where id = ${keyOf(conversationId)} for update`.execute(held)
  const result = await work()
  await held.rollback().execute()
  return result
}

/** Resolves when so many statements that contain `text` wait for a lock. */
async function waiting(db: Db, text: string, count: number): Promise<void> {
  await eventually(async () => {
    const { rows } = await sql`select from pg_stat_activity where datname = current_database()
      and wait_event_type = 'Lock' and position(${text} in query) > 0`.execute(db)
    expect(rows).toHaveLength(count)
  })
}

function keyOf(globalId: string): string {
  return fromGlobalId(globalId)!.key
}
