import { sql } from 'kysely'
import { describe, expect, test } from 'vitest'
import { parseConfig } from '../../../src/server/config.ts'
import type { Db } from '../../../src/server/db/connect.ts'
import { type Asked, startApp, type TestApp } from '../../support/app.ts'
import { ending, headOf, read, say, succeed } from '../../support/chat.ts'
import { databases, type Place } from '../../support/databases.ts'
import { Reading } from '../../support/reading.ts'
import { type ScriptedUpstream, startScriptedUpstream } from '../../support/scripted-provider.ts'

const goOn = 'Continue exactly where you stopped.'
const auto = { PARLEY_RECOVERY: 'AUTO' }
/** Finds at once what dead processes have left. */
const lively = { PARLEY_INTERVAL_PROCESS_HEARTBEAT: '50ms' }

describe.each(databases)('an answer that a stop cuts off on $name', ({ create }) => {
  test('goes on by itself at the next start, in a turn of its own, where the server is set to AUTO', async () => {
    await using place = await create()
    await using upstream = await startScriptedUpstream()
    const { asked, cursor } = await cutOff(place, upstream, auto, 'Once upon ')
    await using app = await startApp({ place, upstream, settings: auto })
    const run = await upstream.request()
    expect(run.prompt).toBe(goOn)
    await run.text('a time.')
    await run.finish()
    const reading = new Reading(app.followConversation(asked.conversationId, { after: cursor }))
    await reading.until(() => finished(reading) === 2)
    expect(await threadOf(app, asked)).toEqual([
      ['COMPLETED', false, 'Why?'],
      ['INTERRUPTED', false, 'Once upon '],
      ['COMPLETED', true, goOn],
      ['COMPLETED', false, 'a time.'],
    ])
    expect(await read(app, 'Conversation', asked.conversationId, 'title lastMessagePreview')).toEqual({
      title: 'Why?',
      lastMessagePreview: 'a time.',
    })
  })

  test('waits for somebody where the server or the conversation is set to ASK', async () => {
    await using place = await create()
    await using upstream = await startScriptedUpstream()
    const { asked } = await cutOff(place, upstream, auto, 'Half', { recovery: 'ASK' })
    await using app = await startApp({ place, upstream, settings: auto })
    expect(await ending(app, asked.generationId)).toMatchObject({ generation: { status: 'INTERRUPTED' } })
    expect(await threadOf(app, asked)).toHaveLength(2)
    await succeed(app, 'continueGeneration', { generationId: asked.generationId })
    expect((await upstream.request()).prompt).toBe(goOn)
    expect(upstream.runs).toHaveLength(2)
  })

  test('goes on by itself where only its conversation is set to AUTO', async () => {
    await using place = await create()
    await using upstream = await startScriptedUpstream()
    const { asked } = await cutOff(place, upstream, {}, 'Half', { recovery: 'AUTO' })
    await using app = await startApp({ place, upstream })
    expect((await upstream.request()).prompt).toBe(goOn)
    const fields = 'recovery activeGenerations { message { id } }'
    expect(await read(app, 'Conversation', asked.conversationId, fields)).toMatchObject({
      recovery: 'AUTO',
      activeGenerations: [{ message: { id: await headOf(app, asked.conversationId) } }],
    })
  })

  test('leaves a head alone that stands elsewhere', async () => {
    await using place = await create()
    await using upstream = await startScriptedUpstream()
    let elsewhere = ''
    const { asked } = await cutOff(
      place,
      upstream,
      auto,
      'Half',
      {},
      async (app, { conversationId, questionId }) => {
        elsewhere = await say(app, conversationId, 'Elsewhere', { parentId: questionId })
      },
    )
    await using app = await startApp({ place, upstream, settings: auto })
    await upstream.request()
    expect(await headOf(app, asked.conversationId)).toBe(elsewhere)
  })
})

describe.each(databases)('an answer whose process dies again and again on $name', ({ create }) => {
  test.each([
    ['three times in a row when each brings little', 'Little', 3],
    ['ten times when each brings much', 'Much '.repeat(50), 10],
  ])('goes on by itself at most %s', async (_what, text, times) => {
    await using place = await create()
    await using upstream = await startScriptedUpstream()
    await using app = await startApp({ place, upstream, settings: { ...auto, ...lively } })
    const asked = await app.ask(await app.createConversation())
    const reading = new Reading(app.followConversation(asked.conversationId))
    for (let death = 1; death <= times + 1; death += 1) {
      const run = await upstream.request()
      expect(run.prompt).toBe(death === 1 ? 'Why?' : goOn)
      await run.text(text)
      await reading.until(() => deltas(reading) === death)
      await loseOwners(app.db)
      await reading.until(() => finished(reading) === death)
    }
    const thread = await threadOf(app, asked)
    expect(thread).toHaveLength(2 + 2 * times)
    expect(thread.at(-1)).toEqual(['INTERRUPTED', false, text])
    // Somebody who asks for it begins a chain anew.
    await succeed(app, 'continueGeneration', { generationId: await lastRunOf(app, asked) })
    expect((await upstream.request()).prompt).toBe(goOn)
  })

  test('fails in the end where it has said nothing', async () => {
    await using place = await create()
    await using upstream = await startScriptedUpstream()
    await using app = await startApp({ place, upstream, settings: lively })
    const asked = await app.ask(await app.createConversation())
    for (let death = 1; death <= 5; death += 1) {
      await upstream.request()
      await loseOwners(app.db)
    }
    expect(await ending(app, asked.generationId)).toMatchObject({
      generation: {
        status: 'FAILED',
        finishReason: 'ERROR',
        failure: { code: 'INTERNAL', retryable: false },
      },
    })
    expect(await read(app, 'Generation', asked.generationId, 'failure { message }')).toEqual({
      failure: { message: 'The server has died 5 times while it was waiting for this answer' },
    })
    expect(upstream.runs).toHaveLength(5)
  })

  test('is not blamed for a stop in good order', async () => {
    await using place = await create()
    await using upstream = await startScriptedUpstream()
    const asked = await (async () => {
      await using app = await startApp({ place, upstream })
      const waiting = await app.ask(await app.createConversation())
      await upstream.request()
      await sql`update generation set lost_processes = 4`.execute(app.db)
      return waiting
    })()
    await using app = await startApp({ place, upstream })
    await (await upstream.request()).finish()
    expect(await ending(app, asked.generationId)).toMatchObject({ generation: { status: 'COMPLETED' } })
  })
})

test('a dead process is found within ten seconds: its silence and the pause between two looks', () => {
  const { processExpiry, processHeartbeat } = parseConfig({}, {}).timers
  expect(processExpiry + processHeartbeat).toBeLessThanOrEqual(9_000)
})

/** An answer that a stop of its server has cut off, and the cursor of a reader of its conversation. */
async function cutOff(
  place: Place,
  upstream: ScriptedUpstream,
  settings: Record<string, string>,
  text: string,
  conversation: object = {},
  meanwhile: (app: TestApp, asked: Asked) => Promise<void> = async () => {},
): Promise<{ asked: Asked; cursor: string | null }> {
  await using app = await startApp({ place, upstream, settings })
  const created = await succeed(app, 'createConversation', conversation)
  const asked = await app.ask(created.conversation!.id)
  const reading = new Reading(app.followConversation(asked.conversationId))
  await (await upstream.request()).text(text)
  await reading.holds(asked.answerId, text)
  await meanwhile(app, asked)
  return { asked, cursor: reading.cursor }
}

/** As if the runs were those of a process that is gone. */
async function loseOwners(db: Db): Promise<void> {
  await sql`update generation set owner_id = gen_random_uuid() where status = 'RUNNING'`.execute(db)
}

function deltas({ events }: Reading): number {
  return events.filter(({ __typename }) => __typename === 'PartDelta').length
}

function finished({ events }: Reading): number {
  return events.filter(({ __typename }) => __typename === 'GenerationFinished').length
}

type Thread = { thread: { nodes: { status: string; isContinuation: boolean; text: string }[] } }

async function threadOf(app: TestApp, { conversationId }: Asked) {
  const fields = 'thread { nodes { status isContinuation text } }'
  const { thread } = await read<Thread>(app, 'Conversation', conversationId, fields)
  return thread.nodes.map(({ status, isContinuation, text }) => [status, isContinuation, text])
}

async function lastRunOf(app: TestApp, { conversationId }: Asked): Promise<string> {
  const fields = 'thread(last: 1) { nodes { generation { id } } }'
  const { thread } = await read<Last>(app, 'Conversation', conversationId, fields)
  return thread.nodes[0]!.generation.id
}

type Last = { thread: { nodes: { generation: { id: string } }[] } }
