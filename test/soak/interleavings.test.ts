import { describe, expect, test } from 'vitest'
import { messageHash } from '../../src/server/chat/message-hash.ts'
import type { Db } from '../../src/server/db/connect.ts'
import { type ConversationId, fromGlobalId } from '../../src/server/ids.ts'
import { type Asked, startApp, type TestApp } from '../support/app.ts'
import { ending, type MutationName, mutate, type Payload, read } from '../support/chat.ts'
import { databases } from '../support/databases.ts'
import type { StreamedEvent } from '../support/fold.ts'
import { HeldModel } from '../support/held-model.ts'
import { announcedRandom, pick } from '../support/random.ts'
import { Reading } from '../support/reading.ts'
import { amount, patient } from './amount.ts'

/** Of 1,680 orders of three clients' three operations, and of all those of five operations of any kind. */
const orders = amount('ORDERS', { few: 40, many: 1_680 })
const samples = amount('SAMPLES', { few: 20, many: 10_000 })
/** Orders that run beside each other, each in its own conversation. */
const abreast = 4

/** What three clients do to one conversation. The second and the third know it only as it was at the beginning. */
const scripts: readonly (readonly Operation[])[] = [
  ['send', 'cancel', 'send'],
  ['edit', 'regenerate', 'stale setHead'],
  ['stale send', 'model ends', 'send under the answer'],
]

describe.each(databases)('whatever the order of three clients’ operations, on $name,', ({ name, create }) => {
  test('each adds to the conversation, and nothing dangles', patient, async () => {
    const random = announcedRandom(`orders on ${name}`)
    await using place = await create()
    const model = new HeldModel()
    await using app = await startApp({ place, providers: [model] })
    const all = merges(scripts.map(({ length }) => length))
    expect(all).toHaveLength(1_680)
    const chosen = orders < all.length ? Array.from({ length: orders }, () => pick(random, all)) : all
    const plans = chosen.map((order) => {
      const next = scripts.map((script) => script.values())
      return order.map((client) => ({ client, operation: next[client]!.next().value! }))
    })
    await playAll(app, model, plans, `orders on ${name}`)
  })

  test('each of five, drawn from everything that can be done, does so too', patient, async () => {
    const random = announcedRandom(`samples on ${name}`)
    await using place = await create()
    const model = new HeldModel()
    await using app = await startApp({ place, providers: [model] })
    const plans = Array.from({ length: samples }, () =>
      Array.from({ length: 15 }, () => Math.floor(random() * 3)).map((client) => ({
        client,
        operation: random() < 0.02 ? ('delete' as const) : pick(random, harmless),
      })),
    )
    await playAll(app, model, plans, `samples on ${name}`)
  })
})

type Step = { readonly client: number; readonly operation: Operation }

async function playAll(app: TestApp, model: HeldModel, plans: readonly Step[][], what: string) {
  const left = plans.entries()
  const play = async () => {
    for (const [number, plan] of left) {
      const game = await Game.begin(app, model, `game ${number};`)
      try {
        for (const step of plan) await game.play(step)
        await game.end()
      } catch (error) {
        const steps = plan.map(({ client, operation }) => `${client} ${operation}`)
        throw new Error(`In the order ${steps.join(', ')}: ${String(error)}`, { cause: error })
      }
      if (number % 100 === 99) console.log(`${what}: ${number + 1} of ${plans.length}`)
    }
  }
  await Promise.all(Array.from({ length: abreast }, play))
}

/** All ways to merge so many operations of each client, as the client of each. */
function merges(counts: readonly number[]): number[][] {
  if (counts.every((count) => count === 0)) return [[]]
  return counts.flatMap((count, client) =>
    count === 0 ? [] : merges(counts.with(client, count - 1)).map((rest) => [client, ...rest]),
  )
}

type Player = { lastRun: string | null }
type Move = (game: Game, player: Player) => Promise<Payload | null>

const generate = { modelId: 'held:held' }

const moves = {
  send: async (game) => {
    const seen = await read<Pick<Fresh, 'head'> | null>(
      game.app,
      'Conversation',
      game.conversationId,
      'head { id }',
    )
    return game.call('sendMessage', { ...game.said(), expectedHeadId: seen?.head.id ?? null, generate })
  },
  'stale send': async (game) =>
    game.call('sendMessage', { ...game.said(), expectedHeadId: game.first.answerId, generate }),
  'send under the answer': async (game) =>
    game.call('sendMessage', { ...game.said(), parentId: game.first.answerId }),
  edit: async (game) =>
    game.call('editMessage', { messageId: game.first.questionId, text: game.said().text, generate }),
  regenerate: async (game) => game.call('regenerateMessage', { messageId: game.first.answerId, generate }),
  respond: async (game) =>
    game.call('generateResponse', {
      conversationId: game.conversationId,
      parentId: game.first.questionId,
      generate,
    }),
  cancel: async (game, { lastRun }) =>
    game.call('cancelGeneration', { generationId: lastRun ?? game.lastRun ?? game.first.generationId }),
  setHead: async (game) =>
    game.call('setHead', { conversationId: game.conversationId, leafId: game.first.questionId }),
  'stale setHead': async (game) =>
    game.call('setHead', {
      conversationId: game.conversationId,
      leafId: game.first.questionId,
      expectedHeadId: game.first.answerId,
    }),
  rename: async (game) =>
    game.call('updateConversation', { conversationId: game.conversationId, title: game.said().text }),
  'model ends': async (game) => {
    game.model.release(game.name)
    return null
  },
  delete: async (game) => game.call('deleteConversation', { conversationId: game.conversationId }),
} satisfies Record<string, Move>

type Operation = keyof typeof moves
const harmless = (Object.keys(moves) as Operation[]).filter((operation) => operation !== 'delete')

/** What may be refused, as it comes too late for what others did. */
const refusals = ['CONFLICT', 'ALREADY_FINISHED', 'QUOTA_EXCEEDED']

/** One conversation, the clients that play in it, and a reader of it from its first event. */
class Game {
  readonly app: TestApp
  readonly model: HeldModel
  readonly name: string
  readonly first: Asked
  /** The newest run of anybody. */
  lastRun: string | null = null
  readonly #reading: Reading
  readonly #players: Player[] = Array.from({ length: 3 }, () => ({ lastRun: null }))
  #messages: ReadonlySet<string> = new Set()
  #count = 0
  #isDeleted = false

  private constructor(app: TestApp, model: HeldModel, name: string, first: Asked) {
    this.app = app
    this.model = model
    this.name = name
    this.first = first
    this.#reading = new Reading(app.followConversation(first.conversationId, { args: 'fromStart: true' }))
  }

  /** With one question and its answer. */
  static async begin(app: TestApp, model: HeldModel, name: string): Promise<Game> {
    const first = await app.ask(await app.createConversation(), `${name} at first`, { generate })
    const end = ending(app, first.generationId)
    const game = new Game(app, model, name, first)
    await game.#reading.until(() => game.#reading.text(first.answerId) === 'HmWell')
    model.release(name)
    await end
    return game
  }

  get conversationId(): string {
    return this.first.conversationId
  }

  said() {
    this.#count += 1
    return { conversationId: this.conversationId, text: `${this.name} ${this.#count}` }
  }

  call(name: MutationName, input: object): Promise<Payload> {
    return mutate(this.app, name, input)
  }

  async play({ client, operation }: Step): Promise<void> {
    const player = this.#players[client]!
    const payload = await moves[operation](this, player)
    if (payload?.generation) {
      player.lastRun = payload.generation.id
      this.lastRun = payload.generation.id
    }
    const allowed = this.#isDeleted ? [...refusals, 'NOT_FOUND'] : refusals
    for (const { code } of payload?.userErrors ?? []) expectOneOf(code, allowed)
    if (operation === 'delete') this.#isDeleted = true
    const { messages } = await readRows(this.app.db, this.conversationId)
    const ids = new Set(messages.map(({ id }) => id as string))
    expectSuperset(ids, this.#messages)
    this.#messages = ids
  }

  /** Lets every answer end, and looks at what has become of the conversation. */
  async end(): Promise<void> {
    if (this.#isDeleted) return this.#endDeleted()
    const { activeGenerations } = await read<Running>(
      this.app,
      'Conversation',
      this.conversationId,
      'activeGenerations { id }',
    )
    const ends = activeGenerations.map(({ id }) => ending(this.app, id))
    let areOver = false
    const allOver = Promise.all(ends).finally(() => {
      areOver = true
    })
    // The model may not have been asked yet.
    for (; !areOver; await this.app.run('{ viewer { id } }')) this.model.release(this.name)
    await allOver
    const rows = await readRows(this.app.db, this.conversationId)
    expectSound(rows)
    await this.#reading.until(() => this.#reading.events.at(-1)!.seq === rows.conversation.last_seq)
    const fields = 'title head { id } messages(first: 100) { nodes { id text } }'
    const fresh = await read<Fresh>(this.app, 'Conversation', this.conversationId, fields)
    expectFolded(this.#reading, fresh)
  }

  async #endDeleted(): Promise<void> {
    expectEnd(this.#reading, await this.#reading.ended)
    const rows = await readRows(this.app.db, this.conversationId)
    expectSound(rows)
  }
}

type Running = { activeGenerations: { id: string }[] }
type Fresh = { title: string; head: { id: string }; messages: { nodes: { id: string; text: string }[] } }
type Rows = Awaited<ReturnType<typeof readRows>>

async function readRows(db: Db, globalId: string) {
  const id = fromGlobalId(globalId)?.key as ConversationId
  const [conversation, messages, parents, generations, events, heads] = await Promise.all([
    db.selectFrom('conversation').selectAll().where('id', '=', id).executeTakeFirstOrThrow(),
    db.selectFrom('message').selectAll().where('conversation_id', '=', id).execute(),
    db
      .selectFrom('message_parent')
      .innerJoin('message', 'message.id', 'message_id')
      .select(['message_id', 'parent_id', 'position'])
      .where('conversation_id', '=', id)
      .orderBy('position')
      .execute(),
    db.selectFrom('generation').selectAll().where('conversation_id', '=', id).execute(),
    db
      .selectFrom('conversation_event')
      .selectAll()
      .where('conversation_id', '=', id)
      .orderBy('seq')
      .execute(),
    db.selectFrom('conversation_viewer').selectAll().where('conversation_id', '=', id).execute(),
  ])
  return { conversation, messages, parents, generations, events, heads }
}

function expectOneOf(code: string, allowed: readonly string[]): void {
  expect(allowed).toContain(code)
}

function expectSuperset(now: ReadonlySet<string>, before: ReadonlySet<string>): void {
  expect(now.isSupersetOf(before)).toBe(true)
}

/** Every message hangs together with a root, every hash is that of its content and path, and every event is there. */
function expectSound({ conversation, messages, parents, generations, events, heads }: Rows): void {
  const byId = new Map(messages.map((message) => [message.id, message]))
  const parentOf = new Map(parents.map(({ message_id, parent_id }) => [message_id, parent_id]))
  const runOf = new Map(generations.map((run) => [run.message_id, run]))
  for (const message of messages) {
    const parentId = parentOf.get(message.id)
    const parent = parentId && byId.get(parentId)
    expect(message.depth).toBe(parent ? parent.depth + 1 : 0)
    expect(message.status).toBe(message.role === 'USER' ? 'COMPLETED' : runOf.get(message.id)?.status)
    const { role, model } = message
    const expected = messageHash({
      role,
      model,
      parts: message.parts ?? [],
      parents: parent ? [parent.hash ?? ''] : [],
      author: role === 'USER' ? 'local' : null,
      parameters: runOf.get(message.id)?.parameters ?? null,
    })
    expect(message.hash).toBe(expected)
  }
  expect(parents.every(({ parent_id }) => byId.has(parent_id))).toBe(true)
  for (const { head_id } of heads) expect(byId.has(head_id!)).toBe(true)
  expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1))
  expect([conversation.last_seq, conversation.message_count]).toEqual([events.length, messages.length])
  expect(events.filter(({ type }) => type === 'MESSAGE_CHANGED').length + generations.length).toBe(
    messages.length,
  )
}

/** The reader holds exactly what a read says. */
function expectFolded(reading: Reading, fresh: Fresh): void {
  const { events } = reading
  const texts = new Map<string, string>()
  for (const event of events) {
    const message = (event['message'] ?? runIn(event)?.message) as { id: string; text: string } | undefined
    if (message) texts.set(message.id, message.text)
  }
  expect(Object.fromEntries(texts)).toEqual(
    Object.fromEntries(fresh.messages.nodes.map(({ id, text }) => [id, text])),
  )
  for (const { id, text } of fresh.messages.nodes) {
    const [reasoning, ...parts] = reading.held(id).texts
    if (reasoning !== undefined) expect([reasoning, parts.join('')]).toEqual(['Hm', text])
  }
  const last = events.findLast(({ __typename }) => __typename === 'ConversationChanged')
  const { title, head } = fresh
  expect(last?.['conversation']).toMatchObject({ title, head })
  const seqs = events.map(({ seq }) => seq)
  expect(seqs).toEqual(seqs.toSorted((one, other) => one - other))
}

function runIn(event: StreamedEvent) {
  return event['generation'] as { message?: { id: string; text: string } } | undefined
}

function expectEnd({ events }: Reading, error: unknown): void {
  expect(error).toBeNull()
  expect(events.at(-1)?.__typename).toBe('ConversationRemoved')
}
