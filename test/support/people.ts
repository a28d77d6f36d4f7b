import { createHash, randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { expect } from 'vitest'
import type { Db } from '../../src/server/db/connect.ts'
import { fromGlobalId } from '../../src/server/ids.ts'
import type { Payload } from './chat.ts'
import { pick, type Random } from './random.ts'
import type { ScriptedRun, ScriptedUpstream } from './scripted-provider.ts'
import { Answer, StubbornClient, waysToFollow } from './stubborn-client.ts'

/** One question, everything that came of it, and what its asker was shown. */
export type Talk = { readonly question: string; readonly questionId: string; readonly answer: Answer }

/** People who ask and read and stop and ask again, each through a client of its own, whatever happens to the server. */
export class People {
  /** Every question that was taken, by its text. */
  readonly talks = new Map<string, Talk>()
  /** Conversations that they have begun. */
  conversations = 0
  readonly #url: () => string
  readonly #random: Random
  #leaving = false
  #heard = 0
  #onHeard: () => void = () => {}

  constructor(url: () => string, random: Random) {
    this.#url = url
    this.#random = random
  }

  /** Lets so many of them in. Resolves when {@link leave} was called and each has had its last answer. */
  async stay(count: number): Promise<void> {
    await Promise.all(Array.from({ length: count }, (_, number) => this.#live(`Person ${number + 1}`)))
  }

  /** Resolves when they have heard so many things more: answers to what they did, and events of what they read. */
  hear(count: number): Promise<void> {
    const enough = this.#heard + count
    return new Promise((resolve) => {
      this.#onHeard = () => {
        if (this.#heard >= enough) resolve()
      }
      this.#onHeard()
    })
  }

  /** Nobody asks anything any more. */
  leave(): void {
    this.#leaving = true
  }

  async #live(name: string): Promise<void> {
    const heard = () => {
      this.#heard += 1
      this.#onHeard()
    }
    await using client = new StubbornClient(this.#url, this.#random, heard)
    for (let number = 1; !this.#leaving; number += 1) {
      this.conversations += 1
      const { conversation } = await client.mutate('createConversation', {})
      await this.#talk(client, conversation!.id, `${name}, question ${number}`)
    }
  }

  async #talk(client: StubbornClient, conversationId: string, question: string): Promise<void> {
    const random = this.#random
    const key = randomUUID()
    const ask = () => client.mutate('sendMessage', { conversationId, text: question, generate: {} }, key)
    const asked = await ask()
    const { id, message } = asked.generation!
    const answer = new Answer({ conversationId, generationId: id, answerId: message.id })
    this.talks.set(question, { question, questionId: asked.userMessage!.id, answer })
    const reading = client.follow(answer, pick(random, waysToFollow))
    if (random() < 0.3) await delay(random() * longestThought).then(() => stop(client, answer))
    await reading
    expectWhole(answer)
    if (random() < 0.5) expectSame(asked, await ask())
  }
}

/** Milliseconds until somebody has read enough, at most. */
const longestThought = 200

async function stop(client: StubbornClient, { generationId }: Answer): Promise<void> {
  const { userErrors } = await client.mutate('cancelGeneration', { generationId })
  // It may have come to its end by itself, in the same instant or long before.
  for (const { code } of userErrors) expect(code).toBe('ALREADY_FINISHED')
}

function expectWhole({ text, end }: Answer): void {
  expect(sha256(text)).toBe(sha256(end!.text))
}

/** Whoever asks once more, however late, is told what came of the first time. */
function expectSame(first: Payload, again: Payload): void {
  expect(idsOf(again)).toEqual(idsOf(first))
}

function idsOf({ userMessage, generation }: Payload) {
  return [userMessage?.id, generation?.id, generation?.message.id]
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

/** Answers everything, after a silence and word by word, and no two calls alike. */
export async function answerAll(upstream: ScriptedUpstream, random: Random): Promise<never> {
  for (;;) {
    const run = await upstream.request()
    const words = wordsOf(upstream.runs.indexOf(run), 10 + Math.floor(random() * 100))
    void delay(random() * 100).then(() => speak(run, words, random() * 6))
  }
}

/** What the model said when it was called: the calls of one question can be told apart. */
function wordsOf(call: number, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${call}.${index} 🎉 `)
}

async function speak(run: ScriptedRun, words: readonly string[], pause: number): Promise<void> {
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

/**
 * Holds everything that people were shown, or were told, against the database: each question is there once, with one
 * answer, whose text is what was shown and comes from one call of the model. `restarts`: a run that had said nothing
 * when its process died is begun anew, and calls the model once per lease.
 */
export async function expectOnce(
  db: Db,
  people: People,
  upstream: ScriptedUpstream,
  { restarts }: { restarts: boolean },
): Promise<void> {
  const messages = await db.selectFrom('message').selectAll().execute()
  const runs = await db.selectFrom('generation').selectAll().execute()
  const rows = new Map(messages.map((message) => [message.id as string, message]))
  const calls = Map.groupBy(upstream.runs, ({ prompt }) => prompt)
  const { length: conversations } = await db.selectFrom('conversation').select('id').execute()
  const { size } = people.talks
  expect([conversations, messages.length, runs.length]).toEqual([people.conversations, 2 * size, size])
  for (const { question, questionId, answer } of people.talks.values()) {
    const stored = rows.get(keyOf(answer.id))
    const run = runs.find(({ id }) => id === keyOf(answer.generationId))
    const called = calls.get(question) ?? []
    const text = (stored?.parts ?? []).map((part) => part.text).join('')
    expect(rows.get(keyOf(questionId))?.parts).toEqual([{ kind: 'TEXT', text: question }])
    expect({ status: stored?.status, hash: sha256(text) }).toEqual({
      status: answer.end?.status,
      hash: sha256(answer.text),
    })
    expect(called.length).toBeLessThanOrEqual(restarts ? run!.epoch : 1)
    expectSpoken(
      text,
      answer,
      called.map((call) => upstream.runs.indexOf(call)),
    )
  }
  expect(await db.selectFrom('chunk').select('part').execute()).toEqual([])
}

function keyOf(id: string): string {
  return fromGlobalId(id)?.key ?? ''
}

/** All of it by the last call, from its first word on, and to its last where the answer is complete. */
function expectSpoken(text: string, { end }: Answer, calls: readonly number[]): void {
  const words = text.match(/\S+ 🎉 /g) ?? []
  expect(text).toBe(wordsOf(calls.at(-1) ?? -1, words.length).join(''))
  if (end?.status === 'COMPLETED' || end?.status === 'INTERRUPTED') expect(text).not.toBe('')
}

/** What is committed of everything that was shown, while no server is there: at least that. */
export async function expectCommitted(db: Db, people: People): Promise<void> {
  const chunks = await db
    .selectFrom('chunk')
    .select(['generation_id', 'part', 'start', 'text'])
    .orderBy('part')
    .orderBy('start')
    .execute()
  const spoken = Map.groupBy(chunks, (chunk) => chunk.generation_id as string)
  const messages = await db.selectFrom('message').select(['id', 'parts']).execute()
  const rows = new Map(messages.map((message) => [message.id as string, message]))
  for (const { answer } of people.talks.values()) {
    const stored = rows.get(keyOf(answer.id))?.parts ?? spoken.get(keyOf(answer.generationId)) ?? []
    const text = stored.map((part) => part.text).join('')
    expect(text.slice(0, answer.text.length)).toBe(answer.text)
  }
}
