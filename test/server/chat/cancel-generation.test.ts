import { setImmediate } from 'node:timers/promises'
import { sql } from 'kysely'
import { describe, expect, test } from 'vitest'
import {
  type ConversationId,
  fromGlobalId,
  type GenerationId,
  type MessageId,
} from '../../../src/server/ids.ts'
import type { Asked } from '../../support/app.ts'
import {
  ending,
  everyRow,
  failure,
  mutate,
  type Payload,
  read,
  say,
  succeed,
  unknownId,
} from '../../support/chat.ts'
import { databases } from '../../support/databases.ts'
import { eventually } from '../../support/eventually.ts'
import { Reading } from '../../support/reading.ts'
import { shareServer } from '../../support/shared-server.ts'

const fields = `status finishReason failure { code } startedAt finishedAt
  usage { inputTokens outputTokens estimated } message { status text hash }`

type Canceled = {
  readonly status: string
  readonly startedAt: string | null
  readonly usage: { outputTokens: number }
  readonly message: { text: string }
}

/** Nothing but the cancel itself stops a run: a process would notice by its heartbeat that a run is not its own. */
const settings = { PARLEY_INTERVAL_PROCESS_HEARTBEAT: '1h', PARLEY_TIMEOUT_PROCESS_EXPIRY: '3h' }

describe.each(databases)('cancelGeneration on $name', ({ create }) => {
  const server = shareServer(create, { settings })

  test('before the first token ends the run with no text, and closes the upstream’s connection', async () => {
    const { app } = server
    const asked = await app.ask(await app.createConversation(), 'Never mind')
    const run = await server.run('Never mind')
    const { generation } = await succeed(app, 'cancelGeneration', { generationId: asked.generationId })
    expect(generation).toEqual({ id: asked.generationId, message: { id: asked.answerId } })
    expect(await read(app, 'Generation', asked.generationId, fields)).toEqual({
      status: 'CANCELED',
      finishReason: 'CANCELED',
      failure: null,
      startedAt: expect.any(String),
      finishedAt: expect.any(String),
      usage: { inputTokens: null, outputTokens: 0, estimated: true },
      message: { status: 'CANCELED', text: '', hash: expect.stringMatching(/^sha256:[0-9a-f]{64}$/) },
    })
    await run.closed
  })

  test('takes a run out of the queue', async () => {
    const { app } = server
    const asked = await app.ask(await app.createConversation(), 'Queued')
    const run = await server.run('Queued')
    await putBackInTheQueue(asked)
    await succeed(app, 'cancelGeneration', { generationId: asked.generationId })
    expect(await read(app, 'Generation', asked.generationId, fields)).toMatchObject({
      status: 'CANCELED',
      startedAt: null,
      finishedAt: expect.any(String),
      message: { status: 'CANCELED', text: '' },
    })
    await run.closed
  })

  test('in the middle keeps exactly the text that was committed, which is all that readers saw', async () => {
    const { app } = server
    const asked = await app.ask(await app.createConversation(), 'Tell me a story')
    const { generationId, answerId } = asked
    const reading = new Reading(app.follow(generationId))
    const run = await server.run('Tell me a story')
    await run.reasoning('A story')
    await run.text('Once upon')
    await run.text(' a time')
    await reading.until(() => reading.held(answerId).texts[1] === 'Once upon a time')
    await succeed(app, 'cancelGeneration', { generationId })
    await run.closed
    await run.text(' there was')
    await reading.ended
    expect(reading.events.at(-1)).toMatchObject({
      __typename: 'GenerationFinished',
      generation: { status: 'CANCELED', finishReason: 'CANCELED' },
    })
    expect(reading.held(answerId).texts).toEqual(['A story', 'Once upon a time'])
    expect(
      await read(app, 'Generation', generationId, `${fields} message { text parts { __typename } }`),
    ).toEqual({
      status: 'CANCELED',
      finishReason: 'CANCELED',
      failure: null,
      startedAt: expect.any(String),
      finishedAt: expect.any(String),
      usage: { inputTokens: 12, outputTokens: expect.any(Number), estimated: true },
      message: {
        status: 'CANCELED',
        text: 'Once upon a time',
        hash: expect.any(String),
        parts: [{ __typename: 'ReasoningPart' }, { __typename: 'TextPart' }],
      },
    })
    const { usage } = await read<Canceled>(app, 'Generation', generationId, fields)
    expect(usage.outputTokens).toBeGreaterThan(3)
  })

  test('while text pours in keeps what every reader saw, and no reader saw more than that', async () => {
    const { app } = server
    const { generationId, answerId } = await app.ask(await app.createConversation(), 'Pour')
    const readings = [new Reading(app.follow(generationId)), new Reading(app.follow(generationId))]
    const run = await server.run('Pour')
    const poured = pour(run)
    await readings[0]!.until(() => readings[0]!.text(answerId).length > 200)
    await succeed(app, 'cancelGeneration', { generationId })
    await poured
    await Promise.all(readings.map((reading) => reading.ended))
    const { message } = await read<Canceled>(app, 'Generation', generationId, fields)
    for (const reading of readings) expect(reading.text(answerId)).toBe(message.text)
    expect(message.text.length).toBeGreaterThan(200)
  })

  test('twice is the same as once', async () => {
    const { app } = server
    const { generationId } = await app.ask(await app.createConversation(), 'Twice')
    await server.run('Twice')
    const first = await mutate(app, 'cancelGeneration', { generationId })
    const rows = await everyRow(app.db)
    expect(await mutate(app, 'cancelGeneration', { generationId })).toEqual(first)
    expect(await everyRow(app.db)).toEqual(rows)
  })

  test('called many times at once ends the run once', async () => {
    const { app } = server
    const { conversationId, generationId } = await app.ask(await app.createConversation(), 'At once')
    await server.run('At once')
    const payloads = await Promise.all(
      Array.from({ length: 8 }, () => mutate(app, 'cancelGeneration', { generationId })),
    )
    for (const { userErrors } of payloads) expect(userErrors).toEqual([])
    expect(await endsOf(conversationId)).toBe(1)
  })

  test.each([
    ['COMPLETED', (run: Run) => run.finish()],
    ['FAILED', (run: Run) => run.fail({ status: 401, type: 'authentication_error' })],
    ['INTERRUPTED', async (run: Run) => run.text('So').then(() => run.fail({ type: 'api_error' }))],
  ])('of a run that is %s is ALREADY_FINISHED', async (status, end) => {
    const { app } = server
    const { generationId } = await app.ask(await app.createConversation(), status)
    await end(await server.run(status))
    await ending(app, generationId)
    const rows = await everyRow(app.db)
    expect(await failure(app, 'cancelGeneration', { generationId })).toMatchObject({
      code: 'ALREADY_FINISHED',
      path: ['generationId'],
    })
    expect(await read(app, 'Generation', generationId, 'status')).toEqual({ status })
    expect(await everyRow(app.db)).toEqual(rows)
  })

  test('of what is not there is NOT_FOUND', async () => {
    for (const generationId of [unknownId('Generation'), unknownId('Message'), 'nothing']) {
      expect(await failure(server.app, 'cancelGeneration', { generationId })).toMatchObject({
        code: 'NOT_FOUND',
        path: ['generationId'],
      })
    }
  })

  test('leaves a conversation that can go on', async () => {
    const { app } = server
    const { conversationId, generationId, answerId } = await app.ask(await app.createConversation(), 'Stop')
    await server.run('Stop')
    await succeed(app, 'cancelGeneration', { generationId })
    const next = await say(app, conversationId, 'Go on')
    expect(await read(app, 'Message', next, 'parents { id }')).toEqual({ parents: [{ id: answerId }] })
  })

  async function putBackInTheQueue({ generationId, answerId }: Asked): Promise<void> {
    const { db } = server.app
    await db
      .updateTable('generation')
      .set({ status: 'QUEUED', owner_id: null, started_at: null })
      .where('id', '=', keyOf<GenerationId>(generationId))
      .execute()
    await db
      .updateTable('message')
      .set({ status: 'PENDING' })
      .where('id', '=', keyOf<MessageId>(answerId))
      .execute()
  }

  /** How often a conversation's only run has ended. */
  async function endsOf(conversationId: string): Promise<number> {
    const events = await server.app.db
      .selectFrom('conversation_event')
      .select('seq')
      .where('conversation_id', '=', keyOf<ConversationId>(conversationId))
      .where('type', '=', 'GENERATION_FINISHED')
      .execute()
    return events.length
  }
})

const postgres = databases.filter(({ name }) => name === 'Postgres')

describe.each(postgres)('a cancel and the end of a run at the same instant on $name', ({ create }) => {
  const server = shareServer(create)

  test('the end comes first: the answer is complete, and the cancel too late', async () => {
    const { app } = server
    const { conversationId, generationId, answerId } = await app.ask(
      await app.createConversation(),
      'End first',
    )
    const run = await server.run('End first')
    const canceled = await whileLocked(conversationId, async (waiting) => {
      await run.text('All of it')
      await run.finish()
      await waiting(1)
      const canceling = mutate(app, 'cancelGeneration', { generationId })
      await waiting(2)
      return () => canceling
    })
    expect(canceled.userErrors).toMatchObject([{ code: 'ALREADY_FINISHED' }])
    expect(await app.message(answerId)).toMatchObject({ status: 'COMPLETED', text: 'All of it' })
    expect(await endsOf(generationId)).toEqual(['COMPLETED'])
  })

  test('the cancel comes first: the text is kept, and the end is not one', async () => {
    const { app } = server
    const { conversationId, generationId, answerId } = await app.ask(
      await app.createConversation(),
      'Cancel first',
    )
    const run = await server.run('Cancel first')
    const reading = new Reading(app.follow(generationId))
    const canceled = await whileLocked(conversationId, async (waiting) => {
      const canceling = mutate(app, 'cancelGeneration', { generationId })
      await waiting(1)
      await run.text('Late, but committed')
      await reading.holds(answerId, 'Late, but committed')
      await run.finish()
      await waiting(2)
      return () => canceling
    })
    expect(canceled.userErrors).toEqual([])
    expect(await app.message(answerId)).toMatchObject({ status: 'CANCELED', text: 'Late, but committed' })
    expect(await endsOf(generationId)).toEqual(['CANCELED'])
  })

  /** Holds the lock that every end of a run in this conversation has to wait for, while `work` lets them come. */
  async function whileLocked(
    conversationId: string,
    work: (waiting: (count: number) => Promise<void>) => Promise<() => Promise<Payload>>,
  ): Promise<Payload> {
    const { db } = server.app
    const waiting = (count: number) =>
      eventually(async () => {
        const { rows } = await sql`select from pg_stat_activity
          where datname = current_database() and wait_event_type = 'Lock'`.execute(db)
        expect(rows).toHaveLength(count)
      })
    const result = await db.transaction().execute(async (tx) => {
      const id = keyOf<ConversationId>(conversationId)
      await tx.selectFrom('conversation').select('id').where('id', '=', id).forUpdate().execute()
      return work(waiting)
    })
    return result()
  }

  async function endsOf(generationId: string): Promise<string[]> {
    const statuses = []
    for await (const event of server.app.follow(generationId)) {
      if (event.__typename === 'GenerationFinished') statuses.push((event['generation'] as Canceled).status)
    }
    return statuses
  }
})

/** Writes until the connection is closed. */
async function pour(run: Run): Promise<void> {
  const closing = run.closed.then(() => true)
  while (!(await Promise.race([closing, setImmediate(false)]))) await run.text('drop ')
}

type Run = Awaited<ReturnType<ReturnType<typeof shareServer>['run']>>

function keyOf<Id extends string>(globalId: string): Id {
  return fromGlobalId(globalId)?.key as Id
}
