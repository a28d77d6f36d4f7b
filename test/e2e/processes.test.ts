import { describe, expect, test } from 'vitest'
import { eventFields } from '../support/app.ts'
import { databases } from '../support/databases.ts'
import { openSocket } from '../support/graphql-client.ts'
import { runParley, startParley } from '../support/parley.ts'
import { readRaw } from '../support/raw-reader.ts'
import { Reading } from '../support/reading.ts'
import { startScriptedUpstream } from '../support/scripted-provider.ts'

/** Far beyond what a stop takes, and far below the 20 seconds after which it is cut short. */
const promptly = 10_000

describe.each(databases)('a stop of the executable on $name', ({ create }) => {
  test('tells readers to come back, keeps what was said, and the next start goes on', async () => {
    await using place = await create()
    await using upstream = await startScriptedUpstream()
    await using first = await startParley({ place, upstream })
    const begun = await first.ask(await first.createConversation(), 'Begun?')
    const begunRun = await upstream.request()
    const waiting = await first.ask(await first.createConversation(), 'Waiting?')
    const waitingRun = await upstream.request()
    const events = new Reading(first.follow(begun.generationId, { over: 'SSE' }))
    await using socket = await openSocket(first.endpoint)
    const query = `subscription ($id: ID!) { generationEvents(generationId: $id) { ${eventFields} } }`
    socket.subscribe('begun', { query, variables: { id: begun.generationId } })
    await begunRun.text('Once upon ')
    await events.holds(begun.answerId, 'Once upon ')

    const started = performance.now()
    expect(await first.stop()).toEqual({ code: 0, signal: null, errors: '' })
    expect(performance.now() - started).toBeLessThan(promptly)
    expect(await socket.closed).toEqual({ code: 1012, reason: 'The server restarts' })
    expect(await events.ended).toBeNull()
    expect(events.events.map((event) => event.__typename)).not.toContain('GenerationFinished')
    await Promise.all([begunRun.closed, waitingRun.closed])

    const database = await place.connect()
    const rows = await database.db
      .selectFrom('generation')
      .select(['status', 'owner_id'])
      .orderBy('id')
      .execute()
    expect(rows).toMatchObject([{ status: 'INTERRUPTED' }, { status: 'QUEUED', owner_id: null }])
    expect(await database.db.selectFrom('chunk').selectAll().execute()).toEqual([])
    expect(await database.db.selectFrom('process').selectAll().execute()).toEqual([])
    await database.close()

    await using second = await startParley({ place, upstream })
    events.goOn(second.follow(begun.generationId, { after: events.cursor, over: 'SSE' }))
    expect(await events.ended).toBeNull()
    expect(events.text(begun.answerId)).toBe('Once upon ')
    expect(await second.message(begun.answerId)).toMatchObject({ status: 'INTERRUPTED', text: 'Once upon ' })
    expect((await upstream.request()).prompt).toBe('Waiting?')
    await upstream.text('No more')
    await upstream.finish()
    const answer = new Reading(second.follow(waiting.generationId))
    expect(await answer.ended).toBeNull()
    expect(await second.message(waiting.answerId)).toMatchObject({ status: 'COMPLETED', text: 'No more' })
    const next = await second.ask(begun.conversationId, 'And then?')
    expect((await upstream.request()).prompt).toBe('And then?')
    await upstream.text('a time')
    await upstream.finish()
    await new Reading(second.follow(next.generationId)).ended
    expect(await second.message(next.answerId)).toMatchObject({ status: 'COMPLETED', text: 'a time' })
  })

  test.each(['WebSocket', 'SSE'] as const)(
    'is not held up by a reader over %s that has stopped reading',
    async (over) => {
      await using place = await create()
      await using upstream = await startScriptedUpstream()
      await using parley = await startParley({ place, upstream })
      const asked = await parley.ask(await parley.createConversation())
      const variables = { id: asked.generationId }
      const query = `subscription ($id: ID!) { generationEvents(generationId: $id) { ${eventFields} } }`
      const stalled = readRaw(parley.endpoint, { query, variables }, over)
      await stalled.next()
      const run = await upstream.request()
      // More than the kernel takes for a connection that nobody reads.
      for (let part = 0; part < 800; part += 1) await run.text('x'.repeat(10_000))
      const other = new Reading(parley.follow(asked.generationId))
      await other.until(() => other.text(asked.answerId).length === 8_000_000)
      const started = performance.now()
      expect(await parley.stop()).toEqual({ code: 0, signal: null, errors: '' })
      expect(performance.now() - started).toBeLessThan(promptly)
      await stalled.return()
    },
  )
})

test('a second executable on the same data is refused in one line, and the first goes on', async () => {
  const { create } = databases.find(({ name }) => name === 'PGlite')!
  await using place = await create()
  await using upstream = await startScriptedUpstream({ automatic: { tokens: 3 } })
  await using first = await startParley({ place, upstream })
  expect(await runParley({ place, upstream })).toEqual({
    code: 1,
    signal: null,
    errors: `parley: Cannot use ${place.dataDir}: process ${first.pid} is using it\n`,
  })
  const asked = await first.ask(await first.createConversation())
  const reading = new Reading(first.follow(asked.generationId))
  expect(await reading.ended).toBeNull()
  expect(await first.message(asked.answerId)).toMatchObject({ status: 'COMPLETED', text: '1 2 3 ' })
})
