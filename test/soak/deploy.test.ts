import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import type { Db } from '../../src/server/db/connect.ts'
import { fromGlobalId } from '../../src/server/ids.ts'
import { type Asked, clientOf } from '../support/app.ts'
import { Cluster } from '../support/cluster.ts'
import { databases } from '../support/databases.ts'
import { announcedRandom, pick, type Random } from '../support/random.ts'
import {
  type ScriptedRun,
  type ScriptedUpstream,
  startScriptedUpstream,
} from '../support/scripted-provider.ts'
import { Answer, StubbornClient, waysToFollow } from '../support/stubborn-client.ts'
import { amount, patient } from './amount.ts'

/** Answers that are being written when one of two processes is told to stop. */
const streams = amount('DEPLOY', { few: 40, many: 200 })
/** Seconds for which that process waits for its own. */
const grace = 3
/** Milliseconds between two words of an answer, and within which the quick ones end after the signal. */
const pace = 50
const soon = 500

const goOn = 'Continue exactly where you stopped.'

describe.each(['ASK', 'AUTO'])('the restart of one of two processes with %s', (policy) => {
  test('keeps every character of all answers, and cuts none that ends in time', patient, async () => {
    const random = announcedRandom(`deploy with ${policy}`)
    await using place = await databases.find(({ name }) => name === 'Postgres')!.create()
    await using upstream = await startScriptedUpstream()
    const model = new Model(upstream)
    const settings = { PARLEY_RECOVERY: policy, PARLEY_GRACE: `${grace}s` }
    await using cluster = await Cluster.start(2, { place, upstream, settings }, random)
    const [leaving, staying] = cluster.servers
    const streamsOf = (url: string) => beginStreams(url, streams / 2, () => cluster.url, random)
    const both = [await streamsOf(leaving!.url), await streamsOf(staying!.url)] as const
    const all = both.flat()
    await Promise.all(all.map(({ shown }) => shown))

    const exit = leaving!.stop()
    const atSignal = all.map(({ answer }) => answer.text)
    for (const [index, { name }] of all.entries())
      if (index % 2 === 0) void delay(random() * soon).then(() => model.end(name))
    expect(await exit).toMatchObject({ code: 0, signal: null })
    await leaving!.restart()
    for (const { name } of all) model.end(name)
    await Promise.all(all.map(({ read }) => read))

    const { db } = await place.connect()
    for (const [index, { name, answer }] of all.entries()) {
      const isCut = index < streams / 2 && index % 2 === 1
      const stored = await readAnswer(db, answer)
      expect(stored).toEqual({ status: isCut ? 'INTERRUPTED' : 'COMPLETED', text: answer.text })
      expect(answer.end).toEqual(stored)
      expect(answer.text.startsWith(atSignal[index]!)).toBe(true)
      const said = model.said(name)
      if (isCut) expect(said.startsWith(answer.text)).toBe(true)
      else expect(answer.text).toBe(said)
    }
    const cut = streams / 4
    const continued = policy === 'AUTO' ? cut : 0
    await model.continued(continued)
    expect(upstream.runs).toHaveLength(streams + continued)
    console.log(`deploy with ${policy}: ${streams - cut} of ${streams} ended in time, ${continued} went on`)
  })
})

type Stream = {
  readonly name: string
  readonly answer: Answer
  /** When something of it was shown, and when it was read to its end. */
  readonly shown: Promise<void>
  readonly read: Promise<void>
}

/** Asks one process, and reads over any. */
function beginStreams(url: string, count: number, anyUrl: () => string, random: Random): Promise<Stream[]> {
  const begin = async (_: unknown, index: number): Promise<Stream> => {
    const parley = clientOf(url)
    const name = `${url}, question ${index}`
    const answer = answerTo(await parley.ask(await parley.createConversation(), name))
    const shown = Promise.withResolvers<void>()
    const client = new StubbornClient(anyUrl, random, () => {
      if (answer.text !== '') shown.resolve()
    })
    const read = client.follow(answer, pick(random, waysToFollow)).then(() => client[Symbol.asyncDispose]())
    return { name, answer, shown: shown.promise, read }
  }
  return Promise.all(Array.from({ length: count }, begin))
}

function answerTo({ answerId, generationId, conversationId }: Asked): Answer {
  return new Answer({ answerId, generationId, conversationId })
}

/** Says one word after the other, in every answer, until that answer is told to end. */
class Model {
  readonly #said = new Map<string, string>()
  readonly #ending = new Set<string>()
  #continued = 0
  #onContinued: () => void = () => {}

  constructor(upstream: ScriptedUpstream) {
    void this.#answerAll(upstream)
  }

  /** Everything that it said to `name`. */
  said(name: string): string {
    return this.#said.get(name) ?? ''
  }

  end(name: string): void {
    this.#ending.add(name)
  }

  /** Resolves when so many answers went on in a turn of their own. */
  continued(count: number): Promise<void> {
    return new Promise((resolve) => {
      this.#onContinued = () => {
        if (this.#continued >= count) resolve()
      }
      this.#onContinued()
    })
  }

  async #answerAll(upstream: ScriptedUpstream): Promise<never> {
    for (;;) {
      const run = await upstream.request()
      void (run.prompt === goOn ? this.#goOn(run) : this.#speak(run))
    }
  }

  async #speak(run: ScriptedRun): Promise<void> {
    let isClosed = false
    void run.closed.then(() => {
      isClosed = true
    })
    for (let word = 0; !isClosed && !this.#ending.has(run.prompt); word += 1) {
      this.#said.set(run.prompt, `${this.said(run.prompt)}${word} 🎉 `)
      await run.text(`${word} 🎉 `)
      await delay(pace)
    }
    await run.finish()
  }

  async #goOn(run: ScriptedRun): Promise<void> {
    await run.text('and so on.')
    await run.finish()
    this.#continued += 1
    this.#onContinued()
  }
}

async function readAnswer(db: Db, { id }: Answer): Promise<{ status: string; text: string }> {
  const { status, parts } = await db
    .selectFrom('message')
    .select(['status', 'parts'])
    .where('id', '=', fromGlobalId(id)?.key as never)
    .executeTakeFirstOrThrow()
  return { status, text: (parts ?? []).map(({ text }) => text).join('') }
}
