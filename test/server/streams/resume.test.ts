import { sql } from 'kysely'
import { describe, expect, test } from 'vitest'
import type { Db, Tx } from '../../../src/server/db/connect.ts'
import { type GenerationId, toGlobalId } from '../../../src/server/ids.ts'
import { type FollowOptions, startApp, type TestApp } from '../../support/app.ts'
import { ending, followViewer, succeed } from '../../support/chat.ts'
import { databases } from '../../support/databases.ts'
import { fold, type Held, nothingHeld, type StreamedEvent } from '../../support/fold.ts'
import { Reading } from '../../support/reading.ts'
import { startRun } from '../../support/run.ts'
import { shareServer } from '../../support/shared-server.ts'

type Over = 'WebSocket' | 'SSE'
const transports: readonly Over[] = ['WebSocket', 'SSE']
const other = (over: Over): Over => (over === 'SSE' ? 'WebSocket' : 'SSE')

/** A stream that can be opened at any cursor over either transport, and has come to a last event. */
type Stream = {
  readonly open: (options: FollowOptions) => AsyncIterable<StreamedEvent>
  readonly isLast: (event: StreamedEvent) => boolean
}

describe.each(databases)('a reader that comes back over the other transport, on $name,', ({ create }) => {
  const server = shareServer(create)

  test.each(transports)('is given exactly the rest behind any event that it had over %s', async (over) => {
    const { app } = server
    const { viewer } = await app.run<{ viewer: { eventsCursor: string } }>('{ viewer { eventsCursor } }')
    const streams = await twoRuns(app, viewer.eventsCursor)
    for (const stream of streams) {
      const whole = await collect(stream, { over })
      for (const [at, { cursor }] of whole.slice(0, -1).entries()) {
        const rest = await collect(stream, { after: cursor, over: other(over) })
        expectRest(whole, at, rest)
      }
    }
  })

  test('after every single event while it is written, loses and repeats nothing', async () => {
    const { app } = server
    const conversationId = await app.createConversation()
    const readers = [1, 2, 3].map((patience) => readRestlessly(app, conversationId, patience))
    const [one, two] = await askTwice(app, conversationId)
    const live = new Reading(app.followConversation(conversationId, { args: 'fromStart: true' }))
    for (let word = 0; word < 20; word += 1) {
      for (const { run, answerId } of [one, two]) {
        if (word < 10) await run.reasoning(`thought ${word} `)
        else await run.text(`word ${word} `)
        await live.until(() => live.text(answerId).endsWith(`${word} `))
      }
    }
    for (const { run } of [one, two]) await run.finish()
    await live.until(() => ends(live.events) === 2)
    const written = writtenBy([], live.events)
    expect(written.size).toBe(2)
    for (const events of await Promise.all(readers)) {
      expect(writtenBy([], events)).toEqual(written)
      const durable = events.filter(isDurable).map(({ seq }) => seq)
      expect(durable).toEqual(durable.map((_, index) => index + 1))
    }
  })

  /** The four streams that tell of two runs beside each other, each with two parts, when both have ended. */
  async function twoRuns(app: TestApp, after: string): Promise<Stream[]> {
    const conversationId = await app.createConversation()
    const answers = await askTwice(app, conversationId)
    for (const round of [1, 2, 3]) {
      for (const { run } of answers) await run.reasoning(`Thought ${round}. `)
    }
    for (const round of [1, 2, 3]) {
      for (const { run } of answers) await run.text(`Word ${round}. `)
    }
    for (const { run } of answers) await run.finish()
    for (const { generationId } of answers) await ending(app, generationId)
    await succeed(app, 'updateConversation', { conversationId, title: 'Over', clientMutationId: 'last' })
    const isLast = (event: StreamedEvent) => event['clientMutationId'] === 'last'
    const fromStart = { args: 'fromStart: true' }
    return [
      { open: (options) => app.followConversation(conversationId, { ...fromStart, ...options }), isLast },
      { open: (options) => followViewer(app, { after, ...options }), isLast },
      ...answers.map(({ generationId }) => ({
        open: (options: FollowOptions) => app.follow(generationId, options),
        isLast: ({ __typename }: StreamedEvent) => __typename === 'GenerationFinished',
      })),
    ]
  }

  type Answering = { generationId: string; answerId: string; run: Awaited<ReturnType<typeof server.run>> }

  /** Two answers at once, in one conversation. */
  async function askTwice(app: TestApp, conversationId: string): Promise<[Answering, Answering]> {
    const prompt = `Twice in ${conversationId}`
    const first = await app.ask(conversationId, prompt)
    const { generation } = await succeed(app, 'regenerateMessage', { messageId: first.answerId })
    const [one, two] = [await server.run(prompt), await server.run(prompt)]
    return [
      { ...first, run: one },
      { generationId: generation!.id, answerId: generation!.message.id, run: two },
    ]
  }
})

describe.each(databases)('a run that starts over with a new revision, on $name,', ({ create }) => {
  // It is written by somebody else, whom only the poll tells of.
  const settings = { PARLEY_INTERVAL_POLL: '20ms', PARLEY_INTERVAL_PROCESS_HEARTBEAT: '1h' }

  test('is given from its beginning to whoever was anywhere in the old one', async () => {
    await using place = await create()
    await using app = await startApp({
      place,
      settings: { ...settings, PARLEY_TIMEOUT_PROCESS_EXPIRY: '3h' },
    })
    const { id, messageId } = await begin(app.db)
    const follow = (options: FollowOptions = {}) => app.follow(toGlobalId('Generation', id), options)
    const old = new Reading(follow())
    for (const [part, kind, text] of [
      [0, 'REASONING', 'I think'],
      [0, 'REASONING', ' that'],
      [1, 'TEXT', 'The old'],
      [1, 'TEXT', ' text'],
    ] as const) {
      await write(app.db, id, part, kind, text)
      await old.until(() => old.text(messageId).endsWith(text))
    }
    const before = [...old.events]
    // Nothing but the revision tells the new text from the old one: its chunks are as many and as long.
    await app.db.transaction().execute(async (tx) => {
      await tx.deleteFrom('chunk').where('generation_id', '=', id).execute()
      await tx.updateTable('generation').set({ revision: 1 }).where('id', '=', id).execute()
      await write(tx, id, 0, 'REASONING', 'I guess it’s')
      await write(tx, id, 1, 'TEXT', 'The new')
      await write(tx, id, 1, 'TEXT', ' word')
    })
    const comingBack = transports.flatMap((over) =>
      before.map(({ cursor }, at) => onward(before.slice(0, at + 1), follow({ after: cursor, over }))),
    )
    for (const reading of [old, ...comingBack.map((events) => new Reading(events))]) {
      await reading.until(() => reading.text(messageId) === 'I guess it’sThe new word')
      expect(reading.held(messageId).revisions).toEqual([1, 1])
    }
  })

  /** A run that this server knows of and does not write. */
  async function begin(db: Db): Promise<{ id: GenerationId; messageId: string }> {
    const { id, conversation, content } = await startRun(db)
    await sql`update generation set owner_id = (select id from process) where id = ${id}`.execute(db)
    await sql`update conversation set owner_id = (select id from viewer where handle = 'local'), last_seq = 1
      where id = ${conversation}`.execute(db)
    await sql`insert into conversation_event (conversation_id, seq, type, generation_id, message_id)
      values (${conversation}, 1, 'GENERATION_CHANGED', ${id}, ${content.messageId})`.execute(db)
    return { id, messageId: toGlobalId('Message', content.messageId) }
  }

  async function write(
    db: Db | Tx,
    id: GenerationId,
    part: number,
    kind: string,
    text: string,
  ): Promise<void> {
    await sql`insert into chunk (generation_id, part, start, length, kind, text)
      select ${id}, ${part}, coalesce(sum(length), 0), ${text.length}, ${kind}, ${text}
      from chunk where generation_id = ${id} and part = ${part}`.execute(db)
  }
})

async function* onward(before: readonly StreamedEvent[], events: AsyncIterable<StreamedEvent>) {
  yield* before
  yield* events
}

async function collect({ open, isLast }: Stream, options: FollowOptions): Promise<StreamedEvent[]> {
  const events = []
  for await (const event of open(options)) {
    events.push(event)
    if (isLast(event)) break
  }
  return events
}

/** Reads from the beginning to the end of two runs, over the other transport after every `patience` events. */
async function readRestlessly(app: TestApp, id: string, patience: number): Promise<StreamedEvent[]> {
  const events: StreamedEvent[] = []
  for (let over = transports[0]!; ends(events) < 2; over = other(over)) {
    const after = events.at(-1)?.cursor ?? null
    let left = patience
    for await (const event of app.followConversation(id, { after, over, args: 'fromStart: true' })) {
      events.push(event)
      left -= 1
      if (left === 0 || ends(events) === 2) break
    }
  }
  return events
}

function ends(events: readonly StreamedEvent[]): number {
  return events.filter(({ __typename }) => __typename === 'GenerationFinished').length
}

/** All but text: what has a `seq` of its own. */
function isDurable({ __typename }: StreamedEvent): boolean {
  return __typename !== 'PartDelta' && __typename !== 'PartFinished'
}

/** Holds what came behind the event at `at` against what had come the first time. */
function expectRest(whole: readonly StreamedEvent[], at: number, rest: readonly StreamedEvent[]): void {
  const had = whole.slice(0, at + 1)
  const missed = whole.slice(at + 1)
  for (const isKind of [isDurable, isPartFinished]) expect(rest.filter(isKind)).toEqual(missed.filter(isKind))
  expect(writtenBy(had, rest)).toEqual(writtenBy(had, missed))
}

function isPartFinished({ __typename }: StreamedEvent): boolean {
  return __typename === 'PartFinished'
}

/** What each message is after these events. Throws where one says again, or leaves out, what the one before it said. */
function writtenBy(
  had: readonly StreamedEvent[],
  events: readonly StreamedEvent[],
): Map<string, Held['texts']> {
  const messages = new Map<string, Held>()
  for (const event of [...had, ...events]) {
    if (event.__typename !== 'PartDelta') continue
    const id = event['messageId'] as string
    const held = messages.get(id) ?? nothingHeld
    expect(event.offset).toBe((held.texts[event.partIndex ?? 0] ?? '').length)
    messages.set(id, fold(held, event))
  }
  return new Map([...messages].map(([id, held]) => [id, held.texts]))
}
