import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { fromGlobalId } from '../../src/server/ids.ts'
import type { Asked, Client, FollowOptions } from '../support/app.ts'
import { databases, type Place } from '../support/databases.ts'
import type { StreamedEvent } from '../support/fold.ts'
import { startParley } from '../support/parley.ts'
import { Reading } from '../support/reading.ts'
import {
  automaticText,
  type ScriptedRun,
  type ScriptedUpstream,
  startScriptedUpstream,
} from '../support/scripted-provider.ts'

/** How often the process is killed, always on the same data. */
const kills = { PGlite: 20, Postgres: 5 }
/** From a question to the kill, and to the first word of its answer, at most. Milliseconds. */
const latestKill = 900
const longestSilence = 150
/** Of an answer that takes far longer than any process lives. */
const tokens = 600
const pace = 4

/** A dead process is known as such soon, where it was not the only one. */
const settings = { PARLEY_INTERVAL_PROCESS_HEARTBEAT: '100ms', PARLEY_TIMEOUT_PROCESS_EXPIRY: '1s' }

describe.each(databases)('kill -9 of the executable on $name', ({ name, create }) => {
  test('at any moment takes nothing from anybody who was shown it', { timeout: 300_000 }, async () => {
    const seed = Number(process.env['TEST_SEED'] ?? Math.floor(Math.random() * 2 ** 32))
    console.log(`kill -9 on ${name}: TEST_SEED=${seed}`)
    const random = randomFrom(seed)
    await using place = await create()
    await using upstream = await startScriptedUpstream()
    await using processes = new AsyncDisposableStack()
    void speak(upstream, () => random() * longestSilence)
    const start = async () => processes.use(await startParley({ place, upstream, settings }))
    const kept = new Map<string, string>()
    const outcomes: string[] = []
    let parley = await start()
    const conversationId = await parley.createConversation()

    for (let round = 1; round <= kills[name]; round += 1) {
      const question = `Question ${round}`
      const input = { clientMutationId: `question-of-round-${round}` }
      const asking = askAndRead(parley, () => parley.ask(conversationId, question, input))
      await delay(random() * latestKill)
      await parley.kill()
      const { asked: askedBefore, readers } = await asking
      await Promise.all(readers.map(({ reading }) => reading.ended))

      parley = await start()
      // A client that got no answer asks again, and one that did gets the same once more.
      const asked = await parley.ask(conversationId, question, input)
      expect(asked).toEqual(askedBefore ?? asked)
      const seen = readers.map(({ reading }) => reading.text(asked.answerId))
      const { status, text } = await readToTheEnd(parley, asked)
      outcomes.push(`${status} at ${text.length}`)
      for (const shown of seen) expect(text.slice(0, shown.length)).toBe(shown)
      const runs = upstream.runs.filter(({ prompt }) => prompt === question)
      if (status === 'INTERRUPTED') {
        expect(text).not.toBe('')
        expect(automaticText(tokens).slice(0, text.length)).toBe(text)
        expect(runs).toHaveLength(1)
      } else {
        expect({ status, text }).toEqual({ status: 'COMPLETED', text: automaticText(tokens) })
        expect(seen.join('')).toBe('')
      }
      for (const reader of readers) expect(await comeBack(reader, parley, asked)).toBe(text)
      kept.set(asked.answerId, text)

      const next = await parley.ask(conversationId, goOn)
      expect(await readToTheEnd(parley, next)).toEqual({ status: 'COMPLETED', text: goneOn })
      kept.set(next.answerId, goneOn)
      for (const [id, expected] of kept) expect((await parley.message(id)).text).toBe(expected)
    }

    console.log(`kill -9 on ${name}: ${outcomes.join(', ')}`)
    expect((await parley.stop()).code).toBe(0)
    await expectStored(place, kept)
  })

  test('before the first word lets the answer start again by itself', async () => {
    await using place = await create()
    await using upstream = await startScriptedUpstream()
    await using first = await startParley({ place, upstream, settings })
    const asked = await first.ask(await first.createConversation())
    const reading = new Reading(first.follow(asked.generationId))
    await upstream.request()
    await first.kill()
    await reading.ended
    await using second = await startParley({ place, upstream, settings })
    reading.goOn(second.follow(asked.generationId, { after: reading.cursor }))
    await upstream.request()
    await upstream.text('Here I am')
    await upstream.finish()
    expect(await reading.ended).toBeNull()
    expect(reading.text(asked.answerId)).toBe('Here I am')
    expect(await second.message(asked.answerId)).toMatchObject({ status: 'COMPLETED', text: 'Here I am' })
  })
})

const goOn = 'Go on'
const goneOn = 'I do.'

/** Answers everything: a new question after a silence and slowly, one that was asked before at once. */
async function speak(upstream: ScriptedUpstream, silence: () => number): Promise<void> {
  const heard = new Set<string>()
  for (;;) {
    const run = await upstream.request()
    if (run.prompt === goOn) void say(run, [goneOn], 0)
    else if (heard.has(run.prompt)) void say(run, [automaticText(tokens)], 0)
    else void delay(silence()).then(() => say(run, automaticText(tokens).match(/\d+ /g) ?? [], pace))
    heard.add(run.prompt)
  }
}

async function say(run: ScriptedRun, words: readonly string[], pause: number): Promise<void> {
  let isClosed = false
  void run.closed.then(() => {
    isClosed = true
  })
  for (const word of words) {
    if (isClosed) return
    await run.text(word)
    await delay(pause)
  }
  await run.finish()
}

type Reader = {
  readonly reading: Reading
  readonly open: (client: Client, asked: Asked, after: string | null) => AsyncGenerator<StreamedEvent>
}

/** Ways to watch an answer: alone or with its conversation, over either transport, or on ever new connections. */
const watches: readonly Reader['open'][] = [
  (client, { generationId }, after) => client.follow(generationId, { after }),
  (client, { generationId }, after) => client.follow(generationId, { after, over: 'SSE' }),
  (client, asked, after) => followInConversation(client, asked, { after }),
  (client, asked, after) => followInConversation(client, asked, { after, over: 'SSE' }),
  followInPieces,
]

async function* followInConversation(client: Client, asked: Asked, options: FollowOptions) {
  for await (const event of client.followConversation(asked.conversationId, options)) {
    yield event
    if (event.__typename === 'GenerationFinished') return
  }
}

async function* followInPieces(client: Client, { generationId }: Asked, after: string | null) {
  for (let cursor = after; ; ) {
    let count = 0
    for await (const event of client.follow(generationId, { after: cursor })) {
      yield event
      if (event.__typename === 'GenerationFinished') return
      cursor = event.cursor
      if (++count === 3) break
    }
  }
}

/** Asks and watches the answer until the server is gone; `asked` is null where it was gone too soon. */
async function askAndRead(
  client: Client,
  ask: () => Promise<Asked>,
): Promise<{ asked: Asked | null; readers: Reader[] }> {
  const asked = await ask().catch(() => null)
  const readers = asked
    ? watches.map((open) => ({ open, reading: new Reading(open(client, asked, null)) }))
    : []
  return { asked, readers }
}

/** Goes on behind the last event that the reader was shown, and answers with all the text that it holds then. */
async function comeBack({ open, reading }: Reader, client: Client, asked: Asked): Promise<string> {
  const isOver = reading.events.at(-1)?.__typename === 'GenerationFinished'
  // Who was shown nothing has no place to go on from in a conversation, and reads the whole answer instead.
  const events = reading.cursor
    ? open(client, asked, reading.cursor)
    : client.follow(asked.generationId, { after: null })
  if (!isOver) reading.goOn(events)
  expect(await reading.ended).toBeNull()
  const seqs = reading.events.map(({ seq }) => seq)
  expect(seqs).toEqual(seqs.toSorted((one, other) => one - other))
  return reading.text(asked.answerId)
}

async function readToTheEnd(client: Client, { generationId, answerId }: Asked) {
  const reading = new Reading(client.follow(generationId))
  expect(await reading.ended).toBeNull()
  const { status, text } = await client.message(answerId)
  expect(reading.text(answerId)).toBe(text)
  return { status, text }
}

/** Looks into the database itself: every text is there, every question was taken once, and nothing is left over. */
async function expectStored(place: Place, kept: ReadonlyMap<string, string>): Promise<void> {
  const { db } = await place.connect()
  const messages = await db.selectFrom('message').selectAll().execute()
  const answers = messages.filter(({ role }) => role === 'ASSISTANT')
  const textOf = (id: string) => answers.find((answer) => answer.id === fromGlobalId(id)?.key)?.parts
  for (const [id, text] of kept) expect(textOf(id)).toEqual([{ kind: 'TEXT', text }])
  expect([answers.length, messages.length]).toEqual([kept.size, 2 * kept.size])
  expect(await db.selectFrom('chunk').selectAll().execute()).toEqual([])
  const active = db.selectFrom('generation').selectAll().where('status', 'in', ['QUEUED', 'RUNNING'])
  expect(await active.execute()).toEqual([])
}

/** Mulberry32: the same numbers from 0 to 1 for the same seed. */
function randomFrom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
