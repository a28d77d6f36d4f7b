import { describe, expect, test } from 'vitest'
import { type Asked, startApp, type TestApp } from '../support/app.ts'
import { ending, read as readNode } from '../support/chat.ts'
import { databases, type Place } from '../support/databases.ts'
import { openSocket } from '../support/graphql-client.ts'
import { interceptor } from '../support/intercept.ts'
import { Reading } from '../support/reading.ts'
import {
  type ScriptedRun,
  type ScriptedUpstream,
  startScriptedUpstream,
} from '../support/scripted-provider.ts'

/** Nothing but wake-ups tells one process of what the other one leaves to it. */
const still = { PARLEY_INTERVAL_PROCESS_HEARTBEAT: '1h', PARLEY_TIMEOUT_PROCESS_EXPIRY: '3h' }
const goOn = 'Continue exactly where you stopped.'

describe('the stop of one of two processes on Postgres', () => {
  const { create } = databases.find(({ name }) => name === 'Postgres')!

  test('loses nothing of answers that end within the grace, and new ones go to the other process', async () => {
    await using place = await create()
    await using upstream = await startScriptedUpstream()
    await using both = await startBoth(place, upstream)
    const { stopping, staying } = both
    const answers = await both.begin(6)
    await using socket = await openSocket(stopping.endpoint)
    const drained = stopping.drain(new AbortController().signal)
    expect((await fetch(new URL('/ready', stopping.url))).status).toBe(503)

    const late = await stopping.ask(await stopping.createConversation(), 'Late')
    const run = await upstream.request()
    expect(run.prompt).toBe('Late')
    await run.finish()
    for (const answer of answers) {
      await answer.run.text(' to its end.')
      await answer.run.finish()
    }
    await drained
    await stopping.close()

    expect(await socket.closed).toMatchObject({ code: 1012 })
    for (const { asked, text, readings } of answers) {
      await endOf(readings, staying, asked)
      for (const reading of readings) expect(reading.text(asked.answerId)).toBe(`${text} to its end.`)
      expect(await staying.message(asked.answerId)).toMatchObject({
        status: 'COMPLETED',
        text: `${text} to its end.`,
      })
    }
    expect(await ending(staying, late.generationId)).toMatchObject({ generation: { status: 'COMPLETED' } })
    expect(upstream.runs).toHaveLength(7)
  })

  test.each(['ASK', 'AUTO'])(
    'keeps every character of answers that outlast the grace, which %s decides about',
    async (policy) => {
      await using place = await create()
      await using upstream = await startScriptedUpstream()
      await using both = await startBoth(place, upstream, { PARLEY_RECOVERY: policy })
      const { stopping, staying } = both
      const answers = await both.begin(6)
      const isQuick = (index: number) => index % 2 === 0
      const grace = new AbortController()
      const drained = stopping.drain(grace.signal)
      for (const answer of answers.filter((_, index) => isQuick(index))) await answer.run.finish()
      for (const answer of answers.filter((_, index) => isQuick(index))) await answer.readings[1].ended
      grace.abort()
      await drained
      await stopping.close()

      for (const [index, { asked, text, run, readings }] of answers.entries()) {
        if (!isQuick(index)) await run.closed
        await endOf(readings, staying, asked)
        for (const reading of readings) expect(reading.text(asked.answerId)).toBe(text)
        const status = isQuick(index) ? 'COMPLETED' : 'INTERRUPTED'
        expect(await staying.message(asked.answerId)).toMatchObject({ status, text })
      }
      const continued = policy === 'AUTO' ? 3 : 0
      for (let count = 0; count < continued; count += 1) {
        const run = await upstream.request()
        expect(run.prompt).toBe(goOn)
        await run.text(', and so on.')
        await run.finish()
      }
      const lengths = await Promise.all(answers.map(({ asked }) => lengthOf(staying, asked)))
      expect(lengths.filter((length) => length === 4)).toHaveLength(continued)
      expect(upstream.runs).toHaveLength(6 + continued)
    },
  )
})

describe.each(databases)('a process that is to stop on $name', ({ create }) => {
  test('waits for an answer whose send had begun before, and leaves one that comes later in the queue', async () => {
    await using place = await create()
    await using upstream = await startScriptedUpstream()
    const database = interceptor()
    const { openDatabase } = database
    await using app = await startApp({ place, upstream, settings: still, openDatabase })
    const [early, late] = [await app.createConversation(), await app.createConversation()]
    let drained = Promise.resolve()
    const begun = database.once('insert into "generation"', () => {
      drained = app.drain(new AbortController().signal)
    })
    const asked = await app.ask(early)
    await begun
    const left = await app.ask(late)
    const run = await upstream.request()
    await run.text('Because.')
    await run.finish()
    await drained
    expect(await app.message(asked.answerId)).toMatchObject({ status: 'COMPLETED', text: 'Because.' })
    expect(await readNode(app, 'Generation', left.generationId, 'status queuePosition')).toEqual({
      status: 'QUEUED',
      queuePosition: 1,
    })
    expect(upstream.runs).toHaveLength(1)
  })
})

type Answer = {
  readonly asked: Asked
  readonly run: ScriptedRun
  readonly text: string
  /** One over the process that writes it, one over the other. */
  readonly readings: readonly [Reading, Reading]
}

async function startBoth(place: Place, upstream: ScriptedUpstream, settings: Record<string, string> = {}) {
  const start = () => startApp({ place, upstream, settings: { ...still, ...settings } })
  const [stopping, staying] = [await start(), await start()]
  return {
    stopping,
    staying,
    begin: (count: number) => beginAnswers(stopping, staying, upstream, count),
    [Symbol.asyncDispose]: async () => {
      await stopping.close()
      await staying.close()
    },
  }
}

/** Answers that one process has begun, and what was seen of them on both. */
async function beginAnswers(
  writing: TestApp,
  other: TestApp,
  upstream: ScriptedUpstream,
  count: number,
): Promise<Answer[]> {
  const answers: Answer[] = []
  for (let number = 0; number < count; number += 1) {
    const asked = await writing.ask(await writing.createConversation())
    const run = await upstream.request()
    const read = (app: TestApp) => new Reading(app.follow(asked.generationId))
    const readings = [read(writing), read(other)] as const
    const text = `Answer ${number} 🎉`
    await run.text(text)
    for (const reading of readings) await reading.holds(asked.answerId, text)
    answers.push({ asked, run, text, readings })
  }
  return answers
}

/** The reader that was told to come back does so, on the process that is left; both come to the end of the run. */
async function endOf(
  [cut, whole]: readonly [Reading, Reading],
  staying: TestApp,
  { generationId }: Asked,
): Promise<void> {
  await cut.ended
  cut.goOn(staying.follow(generationId, { after: cut.cursor }))
  expect(await cut.ended).toBeNull()
  expect(await whole.ended).toBeNull()
}

async function lengthOf(app: TestApp, { conversationId }: Asked): Promise<number> {
  const fields = 'thread { totalCount }'
  const { thread } = await readNode<{ thread: { totalCount: number } }>(
    app,
    'Conversation',
    conversationId,
    fields,
  )
  return thread.totalCount
}
