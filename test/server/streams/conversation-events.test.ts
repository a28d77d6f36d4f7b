import { describe, expect, test } from 'vitest'
import { type ConversationId, fromGlobalId } from '../../../src/server/ids.ts'
import { type FollowOptions, startApp, type TestApp } from '../../support/app.ts'
import { askAndWait, ending, everyRow, failure, read, say, succeed, unknownId } from '../../support/chat.ts'
import { databases } from '../../support/databases.ts'
import { fold, type Held, nothingHeld, type StreamedEvent } from '../../support/fold.ts'
import { Reading } from '../../support/reading.ts'
import { automaticText } from '../../support/scripted-provider.ts'
import { shareServer } from '../../support/shared-server.ts'

const transports = ['WebSocket', 'SSE'] as const

describe.each(databases)('conversationEvents on $name', ({ create }) => {
  const server = shareServer(create)

  describe('begins', () => {
    test('where a conversation is now, with the whole text of the runs under way', async () => {
      const { app } = server
      const conversationId = await app.createConversation()
      const past = await app.ask(conversationId, 'Past')
      const pastRun = await server.run('Past')
      await pastRun.text('Over')
      await pastRun.finish()
      await ending(app, past.generationId)
      const { answerId } = await app.ask(conversationId, 'Present')
      const run = await server.run('Present')
      await run.reasoning('Well')
      await run.text('I was')
      const reading = new Reading(app.followConversation(conversationId))
      await reading.until(() => reading.held(answerId).texts[1] === 'I was')
      await run.text(' saying')
      await run.finish()
      await reading.until(() => typesOf(reading).includes('ConversationChanged'))
      expect(reading.held(answerId).texts).toEqual(['Well', 'I was saying'])
      expect(reading.held(past.answerId)).toEqual(nothingHeld)
      expect(typesOf(reading)).toEqual([
        ...['PartDelta', 'PartFinished', 'PartDelta', 'PartDelta', 'PartFinished'],
        ...['GenerationFinished', 'ConversationChanged'],
      ])
    })

    test.each(transports)('at its beginning over %s, where somebody asks for that', async (over) => {
      const { app } = server
      const conversationId = await app.createConversation()
      const asked = await app.ask(conversationId, 'From the start')
      const run = await server.run('From the start')
      await run.text('Once')
      await run.finish()
      await ending(app, asked.generationId)
      const events = await collect(conversationId, { args: 'fromStart: true', over }, 8)
      expect(events.map(({ __typename }) => __typename)).toEqual([
        'ConversationChanged',
        'MessageChanged',
        'GenerationChanged',
        'ConversationChanged',
        'PartDelta',
        'PartFinished',
        'GenerationFinished',
        'ConversationChanged',
      ])
      expect(events.map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 4, 4, 5, 6])
    })

    test('just behind its cursor, whatever `fromStart` says', async () => {
      const { app } = server
      const conversationId = await app.createConversation()
      await say(app, conversationId, 'One')
      const [, first] = await collect(conversationId, { args: 'fromStart: true' }, 2)
      await say(app, conversationId, 'Two')
      const args = 'fromStart: true'
      const [next] = await collect(conversationId, { args, after: first!.cursor }, 1)
      expect(next?.seq).toBe(first!.seq + 1)
    })
  })

  test('without deltas gives only the durable events', async () => {
    const { app } = server
    const conversationId = await app.createConversation()
    const options = { args: 'fromStart: true, deltas: false' }
    const live = new Reading(app.followConversation(conversationId, options))
    const asked = await app.ask(conversationId, 'No deltas')
    const run = await server.run('No deltas')
    await run.reasoning('Hm')
    await run.text('Not a word')
    await run.finish()
    await ending(app, asked.generationId)
    const replayed = await collect(conversationId, options, 6)
    await live.until(() => live.events.length === 6)
    const expected = ['Conversation', 'Message', 'Generation', 'Conversation'].map((name) => `${name}Changed`)
    for (const events of [replayed, live.events]) {
      expect(events.map(({ __typename }) => __typename)).toEqual([
        ...expected,
        'GenerationFinished',
        'ConversationChanged',
      ])
      expect(events.map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5, 6])
    }
  })

  test('has all of a run’s text before the event that ends the run', async () => {
    const { app } = server
    const conversationId = await app.createConversation()
    const asked = await app.ask(conversationId, 'In order')
    const live = new Reading(app.followConversation(conversationId, { args: 'fromStart: true' }))
    const run = await server.run('In order')
    for (let word = 0; word < 50; word += 1) await run.text(`word ${word} `)
    await run.finish()
    await ending(app, asked.generationId)
    await live.until(() => typesOf(live).includes('ConversationChanged'))
    const replayed = await collect(conversationId, { args: 'fromStart: true' }, 8)
    for (const events of [live.events, replayed]) {
      const end = events.findIndex(({ __typename }) => __typename === 'GenerationFinished')
      const { message } = events[end]!['generation'] as { message: { text: string } }
      expect(textsOf(events.slice(0, end)).get(asked.answerId)?.texts).toEqual([message.text])
      expect(textsOf(events).get(asked.answerId)?.texts).toEqual([message.text])
    }
  })

  test('carries 16 runs at once, each to its own message, also from a cursor in the middle of all', async () => {
    const { app } = server
    const conversationId = await app.createConversation()
    const parentId = await say(app, conversationId, 'Everybody')
    const respond = { conversationId, parentId, generate: {} }
    const reading = new Reading(app.followConversation(conversationId))
    const runs = []
    for (let number = 0; number < 16; number += 1) {
      const { generation } = await succeed(app, 'generateResponse', respond)
      runs.push({ number, answerId: generation!.message.id, run: await server.run('Everybody') })
    }
    const rows = await everyRow(app.db)
    for (const [name, input] of [
      ['generateResponse', respond],
      ['sendMessage', { conversationId, parentId, text: 'Me too', generate: {} }],
      ['regenerateMessage', { messageId: runs[0]!.answerId }],
      ['editMessage', { messageId: parentId, text: 'Nobody' }],
    ] as const) {
      expect(await failure(app, name, input)).toMatchObject({ code: 'QUOTA_EXCEEDED' })
    }
    expect(await everyRow(app.db)).toEqual(rows)

    for (const { number, run } of runs) await run.text(`I am ${number}`)
    for (const { number, answerId } of runs) await reading.holds(answerId, `I am ${number}`)
    const before = [...reading.events]
    const rest = collectUntil(conversationId, reading.cursor, (events) => ends(events).length === 16)
    for (const { run } of runs) {
      await run.text(', really')
      await run.finish()
    }
    const resumed = textsOf([...before, ...(await rest)])
    for (const { number, answerId } of runs) {
      await reading.holds(answerId, `I am ${number}, really`)
      expect(resumed.get(answerId)?.texts).toEqual([`I am ${number}, really`])
    }
    expect((await succeed(app, 'generateResponse', respond)).generation).toBeTruthy()
    await (await server.run('Everybody')).finish()
  })

  test('carries the same over SSE and over a WebSocket', async () => {
    const { app } = server
    const conversationId = await app.createConversation()
    const readings = transports.map(
      (over) => new Reading(app.followConversation(conversationId, { over, args: 'fromStart: true' })),
    )
    for (const reading of readings) await reading.until(() => reading.events.length === 1)
    const { answerId } = await app.ask(conversationId, 'Twice the same')
    const run = await server.run('Twice the same')
    for (const word of ['One ', 'two ', 'three']) {
      await run.text(word)
      for (const reading of readings) await reading.until(() => reading.text(answerId).endsWith(word))
    }
    await run.finish()
    for (const reading of readings) await reading.until(() => reading.events.length === 10)
    expect(readings[0]!.events).toEqual(readings[1]!.events)
  })

  test('completes after the conversation’s removal, without an error, also with a run under way', async () => {
    const { app } = server
    const conversationId = await app.createConversation()
    const { generationId } = await app.ask(conversationId, 'To be removed')
    const run = await server.run('To be removed')
    await run.text('I shall not')
    const behind = await collect(conversationId, { args: 'fromStart: true' }, 1)
    const readings = transports.map((over) => new Reading(app.followConversation(conversationId, { over })))
    for (const reading of readings) await reading.until(() => reading.events.length === 1)
    const follower = new Reading(app.follow(generationId))
    await follower.until(() => typesOf(follower).includes('PartDelta'))
    await succeed(app, 'deleteConversation', { conversationId })
    for (const reading of readings) {
      expect(await reading.ended).toBeNull()
      expect(reading.events.at(-1)).toMatchObject({
        __typename: 'ConversationRemoved',
        conversationId,
        removal: 'DELETED',
      })
    }
    expect(await follower.ended).toBeNull()
    const late = collect(conversationId, { after: behind[0]!.cursor }, 1)
    await expect(late).rejects.toThrow('NOT_FOUND')
  })

  test('shows that it lives as often as it is asked to', async () => {
    const { app } = server
    const conversationId = await app.createConversation()
    const reading = new Reading(app.followConversation(conversationId, { args: 'heartbeatSeconds: 1' }))
    await reading.until(() => reading.events.length >= 2)
    expect(new Set(typesOf(reading))).toEqual(new Set(['Heartbeat']))
    expect(reading.events[0]?.seq).toBe(1)
    const after = reading.cursor
    await say(app, conversationId, 'Awake')
    const [next] = await collect(conversationId, { after }, 1)
    expect(next).toMatchObject({ __typename: 'MessageChanged', seq: 2 })
  })

  test('rests between rounds where a slow reader asks for that, and loses nothing by it', async () => {
    const { app } = server
    const conversationId = await app.createConversation()
    const { answerId } = await app.ask(conversationId, 'Slowly')
    const started = performance.now()
    const slow = new Reading(app.followConversation(conversationId, { args: 'minIntervalMs: 200' }))
    const fast = new Reading(app.followConversation(conversationId))
    const run = await server.run('Slowly')
    for (let word = 0; word < 40; word += 1) {
      await run.text(`word${word} `)
      await fast.until(() => fast.text(answerId).endsWith(`word${word} `))
    }
    await run.finish()
    await slow.until(() => typesOf(slow).includes('ConversationChanged'))
    const deltas = slow.events.filter(({ __typename }) => __typename === 'PartDelta').length
    expect(deltas).toBeLessThanOrEqual((performance.now() - started) / 200 + 2)
    expect(slow.text(answerId)).toBe(fast.text(answerId))
  })

  test('goes on without a gap from a cursor that was read together with the rest', async () => {
    const { app } = server
    const conversationId = await app.createConversation()
    const { answerId } = await app.ask(conversationId, 'Snapshot')
    const run = await server.run('Snapshot')
    let text = ''
    for (let round = 0; round < 5; round += 1) {
      await run.text(`${round} `)
      const fields = 'eventsCursor head { id text } title'
      type Snapshot = { eventsCursor: string; head: { id: string; text: string } }
      const { eventsCursor, head } = await read<Snapshot>(app, 'Conversation', conversationId, fields)
      expect(head.id).toBe(answerId)
      text = head.text
      const wanted = [0, 1, 2, 3, 4]
        .slice(0, round + 1)
        .join(' ')
        .concat(' ')
      if (text === wanted) continue
      // What the snapshot had not seen yet comes from its cursor, at its place.
      let held: Held = { ...nothingHeld, texts: [text] }
      for await (const event of app.followConversation(conversationId, { after: eventsCursor })) {
        held = fold(held, event)
        if (held.texts[0] === wanted) break
      }
    }
    await run.finish()
  })

  describe('a cursor', () => {
    const garbage = ['garbage', '', '====', 'AAAAAAAAAAAAAAAAAAAAAAAA', 'é']

    test.each(garbage)('that is none is BAD_USER_INPUT before the stream begins: %j', async (after) => {
      const conversationId = await server.app.createConversation()
      await expect(collect(conversationId, { after }, 1)).rejects.toThrow('BAD_USER_INPUT')
    })

    test('of another stream is BAD_USER_INPUT', async () => {
      const { app } = server
      const here = await askAndFinish('Here')
      const there = await askAndFinish('There')
      const [[conversation], [generation]] = [
        await collect(there.conversationId, { args: 'fromStart: true' }, 1),
        await take(app.follow(here.generationId), 1),
      ]
      const { viewer } = await app.run<{ viewer: { eventsCursor: string } }>('{ viewer { eventsCursor } }')
      const messages = 'thread { edges { cursor } }'
      const { thread } = await read<{ thread: { edges: { cursor: string }[] } }>(
        app,
        'Conversation',
        here.conversationId,
        messages,
      )
      for (const after of [
        conversation!.cursor,
        generation!.cursor,
        viewer.eventsCursor,
        thread.edges[0]!.cursor,
      ]) {
        await expect(collect(here.conversationId, { after }, 1)).rejects.toThrow('BAD_USER_INPUT')
      }
    })

    test('of another database asks the reader to read again, and then the stream goes on', async () => {
      const { app } = server
      await using place = await create({ migrated: false })
      await using elsewhere = await startApp({ place })
      const theirs = await elsewhere.createConversation()
      const [event] = await take(elsewhere.followConversation(theirs, { args: 'fromStart: true' }), 1)
      const conversationId = await app.createConversation()
      const reading = new Reading(app.followConversation(conversationId, { after: event!.cursor }))
      await reading.until(() => reading.events.length === 1)
      expect(reading.events[0]).toMatchObject({
        __typename: 'ResyncRequired',
        reason: 'CURSOR_UNKNOWN',
        seq: 1,
      })
      await say(app, conversationId, 'Go on')
      await reading.until(() => reading.events.length === 3)
      expect(typesOf(reading).slice(1)).toEqual(['MessageChanged', 'ConversationChanged'])
      const [resumed] = await collect(conversationId, { after: reading.events[0]!.cursor }, 1)
      expect(resumed).toMatchObject({ __typename: 'MessageChanged', seq: 2 })
    })

    test('of a future that a restored backup knows nothing of asks the reader to read again', async () => {
      const { app } = server
      const conversationId = await app.createConversation()
      await say(app, conversationId, 'Lost')
      const events = await collect(conversationId, { args: 'fromStart: true' }, 3)
      const key = fromGlobalId(conversationId)?.key as ConversationId
      await app.db
        .deleteFrom('conversation_event')
        .where('conversation_id', '=', key)
        .where('seq', '>', 1)
        .execute()
      await app.db.updateTable('conversation').set({ last_seq: 1 }).where('id', '=', key).execute()
      const [first] = await collect(conversationId, { after: events.at(-1)!.cursor }, 1)
      expect(first).toMatchObject({ __typename: 'ResyncRequired', reason: 'CURSOR_UNKNOWN', seq: 1 })
    })
  })

  test.each(['heartbeatSeconds: 0', 'heartbeatSeconds: 3601', 'minIntervalMs: -1', 'minIntervalMs: 60001'])(
    'refuses %s',
    async (args) => {
      const conversationId = await server.app.createConversation()
      await expect(collect(conversationId, { args }, 1)).rejects.toThrow('BAD_USER_INPUT')
    },
  )

  test.each([
    ['an unknown conversation', unknownId('Conversation')],
    ['what is no conversation', unknownId('Message')],
    ['what is no id', 'nothing'],
  ])('of %s is NOT_FOUND', async (_what, id) => {
    for (const over of transports) {
      await expect(collect(id, { over, args: 'fromStart: true' }, 1)).rejects.toThrow('NOT_FOUND')
    }
  })

  async function askAndFinish(prompt: string) {
    const asked = await server.app.ask(await server.app.createConversation(), prompt)
    await (await server.run(prompt)).finish()
    await ending(server.app, asked.generationId)
    return asked
  }

  async function collectUntil(
    id: string,
    after: string | null,
    isEnough: (events: readonly StreamedEvent[]) => boolean,
  ): Promise<StreamedEvent[]> {
    const events: StreamedEvent[] = []
    for await (const event of server.app.followConversation(id, { after })) {
      events.push(event)
      if (isEnough(events)) break
    }
    return events
  }

  function collect(id: string, options: FollowOptions, count: number): Promise<StreamedEvent[]> {
    return take(server.app.followConversation(id, options), count)
  }
})

describe.each(databases)('a busy conversation on $name', ({ create }) => {
  const tokens = 25
  const server = shareServer(create, { automatic: { tokens, pace: 4 } })

  test('ends in the same state for every reader, wherever and however often it comes back', async () => {
    const { app } = server
    const conversationId = await app.createConversation()
    const watching = new Reading(app.followConversation(conversationId, { args: 'fromStart: true' }))
    const restless = [1, 2, 5].map((patience) => readReconnecting(app, conversationId, patience))
    await keepBusy(app, conversationId)
    await watching.until(() => isLast(watching.events.at(-1)))
    const { events } = watching
    const final = stateOf(events)

    for (const reader of restless) expect(stateOf(await reader)).toEqual(final)
    const durable = events.filter(({ __typename }) => !__typename.startsWith('Part'))
    expect(durable.map(({ seq }) => seq)).toEqual(durable.map((_event, index) => index + 1))
    expect(events.map(({ seq }) => seq)).toEqual(events.map(({ seq }) => seq).toSorted((a, b) => a - b))
    for (const [at, { cursor, seq }] of events.slice(0, -1).entries()) {
      const rest = await readToEnd(app, conversationId, cursor)
      expect(stateOf([...events.slice(0, at + 1), ...rest])).toEqual(final)
      const later = rest.filter(({ __typename }) => !__typename.startsWith('Part'))
      expect(later.map((event) => event.seq)).toEqual(
        durable.map((event) => event.seq).filter((one) => one > seq),
      )
    }
    for (const text of Object.values(final.texts)) expect(text).toEqual([automaticText(tokens)])
    const fields = 'title head { id } messages(first: 100) { nodes { id text status } }'
    type Stored = { title: string; head: { id: string }; messages: { nodes: { id: string; text: string }[] } }
    const stored = await read<Stored>(app, 'Conversation', conversationId, fields)
    expect(final).toMatchObject({ title: stored.title, head: stored.head.id })
    for (const { id, text } of stored.messages.nodes) {
      expect(final.messages[id] ?? final.texts[id]?.join('')).toBe(text)
    }
  })

  /** Two runs beside each other, three times over, with edits, head moves and a new name between them. */
  async function keepBusy(app: TestApp, conversationId: string): Promise<void> {
    const first = await app.ask(conversationId, 'First')
    const edit = await succeed(app, 'editMessage', { messageId: first.questionId, text: 'Edited' })
    await succeed(app, 'setHead', { conversationId, leafId: first.questionId })
    await ending(app, first.generationId)
    const again = await succeed(app, 'regenerateMessage', { messageId: first.answerId })
    await succeed(app, 'updateConversation', { conversationId, title: 'Named' })
    await ending(app, edit.generation!.id)
    const next = await askAndWait(app, conversationId, 'Next', { parentId: edit.generation!.message.id })
    await ending(app, again.generation!.id)
    await succeed(app, 'setHead', { conversationId, leafId: next.answerId })
    await succeed(app, 'updateConversation', { conversationId, title: 'Over', clientMutationId: 'last' })
  }

  async function readToEnd(app: TestApp, id: string, after: string): Promise<StreamedEvent[]> {
    const events = []
    for await (const event of app.followConversation(id, { after })) {
      events.push(event)
      if (isLast(event)) break
    }
    return events
  }

  /** Reads from the beginning, over a new connection after every `patience` events. */
  async function readReconnecting(app: TestApp, id: string, patience: number): Promise<StreamedEvent[]> {
    const events: StreamedEvent[] = []
    while (!isLast(events.at(-1))) {
      const after = events.at(-1)?.cursor ?? null
      let patienceLeft = patience
      const over = patience === 2 ? 'SSE' : 'WebSocket'
      for await (const event of app.followConversation(id, { after, over, args: 'fromStart: true' })) {
        events.push(event)
        patienceLeft -= 1
        if (patienceLeft === 0 || isLast(event)) break
      }
    }
    return events
  }
})

/** Conversations are shown as they are by now: only the mutation tells which event is the last one. */
function isLast(event: StreamedEvent | undefined): boolean {
  return event?.['clientMutationId'] === 'last'
}

async function take(events: AsyncIterable<StreamedEvent>, count: number): Promise<StreamedEvent[]> {
  const taken = []
  for await (const event of events) {
    taken.push(event)
    if (taken.length === count) break
  }
  return taken
}

function typesOf({ events }: Reading): string[] {
  return events.map(({ __typename }) => __typename)
}

/** The messages whose runs have ended. */
function ends(events: readonly StreamedEvent[]): string[] {
  return events
    .filter(({ __typename }) => __typename === 'GenerationFinished')
    .map((event) => (event['generation'] as { message: { id: string } }).message.id)
}

function textsOf(events: readonly StreamedEvent[]): Map<string, Held> {
  const texts = new Map<string, Held>()
  for (const event of events) {
    const id = event['messageId'] as string | undefined
    if (id) texts.set(id, fold(texts.get(id) ?? nothingHeld, event))
  }
  return texts
}

type State = {
  readonly texts: Readonly<Record<string, readonly string[]>>
  readonly messages: Readonly<Record<string, string>>
  readonly runs: Readonly<Record<string, string>>
  readonly title: string | null
  readonly head: string | null
}

/** What a client holds that has applied these events, one after the other. */
function stateOf(events: readonly StreamedEvent[]): State {
  const messages: Record<string, string> = {}
  const runs: Record<string, string> = {}
  let [title, head]: [string | null, string | null] = [null, null]
  for (const event of events) {
    const message = event['message'] as { id: string; text: string } | undefined
    const generation = event['generation'] as { id: string; status: string } | undefined
    const conversation = event['conversation'] as { title: string; head: { id: string } | null } | undefined
    if (message) messages[message.id] = message.text
    if (generation) runs[generation.id] = generation.status
    if (conversation) [title, head] = [conversation.title, conversation.head?.id ?? null]
  }
  const texts = Object.fromEntries([...textsOf(events)].map(([id, held]) => [id, held.texts]))
  return { texts, messages, runs, title, head }
}
