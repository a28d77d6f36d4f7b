import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { type Client, clientOf } from '../support/app.ts'
import { type Child, type Memory, memoryOf, startChild } from '../support/child.ts'
import { databases } from '../support/databases.ts'
import { fold, nothingHeld } from '../support/fold.ts'
import { announcedRandom, pick, type Random } from '../support/random.ts'
import { automaticText, startScriptedUpstream } from '../support/scripted-provider.ts'
import { amount, patient } from './amount.ts'

const streams = amount('STREAMS', { few: 50, many: 500 })
const seconds = amount('SECONDS', { few: 10, many: 600 })
/** How often the server is looked at, all the time. */
const looks = 40
/** Each answer takes some seconds, and its reader comes back over and over again. */
const tokens = 40
const pace = amount('PACE', { few: 25, many: 250 })
const mostEvents = 12

/** By how much the last quarter of the time may need more than the one before. */
const tolerance = { share: 0.05, bytes: 12 * 2 ** 20 }

describe.each(databases)(
  'the memory of a server whose readers come and go, on $name,',
  ({ name, create }) => {
    test('is the same after a long time', patient, async () => {
      const random = announcedRandom(`memory on ${name}`)
      await using place = await create()
      await using upstream = await startScriptedUpstream({ automatic: { tokens, pace } })
      // In a process of its own, whose memory is nobody else's.
      await using server = startChild('serve', JSON.stringify({ place, upstream }))
      const readers = new Readers(clientOf((await server.line())!), random)
      const looking = async () => {
        const seen = await lookAt(server, readers, (some) =>
          console.log(`memory on ${name}: ${told(some)}, ${JSON.stringify(readers.did)}`),
        )
        readers.leave()
        return seen
      }
      const [seen] = await Promise.all([looking(), readers.stay(streams)])
      console.log(`memory on ${name}: ${streams} readers, ${seconds} seconds, ${JSON.stringify(readers.did)}`)
      const [third, fourth] = [seen.slice(looks / 2, (looks * 3) / 4), seen.slice((looks * 3) / 4)]
      for (const kind of ['heap', 'rss'] as const) {
        const before = median(third.map((memory) => memory[kind]))
        const now = median(fourth.map((memory) => memory[kind]))
        expect(now).toBeLessThan(before * (1 + tolerance.share) + tolerance.bytes)
      }
    })
  },
)

/** What the server holds while they read. `onQuarter` is told of each quarter of the time. */
async function lookAt(
  server: Child,
  readers: Readers,
  onQuarter: (seen: readonly Memory[]) => void,
): Promise<Memory[]> {
  const seen: Memory[] = []
  await readers.hear(streams)
  for (let look = 1; look <= looks; look += 1) {
    // On a machine that has no time for both, looking must not keep them from reading.
    await Promise.all([delay((seconds * 1_000) / looks), readers.hear(1)])
    seen.push(await memoryOf(server))
    if (look % (looks / 4) === 0) onQuarter(seen.slice(-looks / 4))
  }
  return seen
}

/** People who each ask and read one answer after the other, over many connections. */
class Readers {
  /** Answers that were read to their ends, connections that it took, and calls that had to be repeated. */
  readonly did = { answers: 0, connections: 0, repeats: 0 }
  readonly #client: Client
  readonly #random: Random
  #leaving = false
  #onAnswer: () => void = () => {}

  constructor(client: Client, random: Random) {
    this.#client = client
    this.#random = random
  }

  /** Resolves when they have read so many answers more. */
  hear(count: number): Promise<void> {
    const enough = this.did.answers + count
    return new Promise((resolve) => {
      this.#onAnswer = () => {
        if (this.did.answers >= enough) resolve()
      }
      this.#onAnswer()
    })
  }

  /** Resolves when {@link leave} was called and each has had its last answer. */
  async stay(count: number): Promise<void> {
    await Promise.all(Array.from({ length: count }, () => this.#live()))
  }

  leave(): void {
    this.#leaving = true
  }

  async #live(): Promise<void> {
    while (!this.#leaving) {
      const conversationId = await this.#persist(() => this.#client.createConversation())
      const said = { clientMutationId: randomUUID() }
      const asked = await this.#persist(() => this.#client.ask(conversationId, 'Why?', said))
      expectWhole(await this.#read(asked.generationId))
      this.did.answers += 1
      this.#onAnswer()
    }
  }

  async #read(generationId: string): Promise<readonly string[]> {
    let held = nothingHeld
    let isOver = false
    const visit = async () => {
      this.did.connections += 1
      let left = 1 + Math.floor(this.#random() * mostEvents)
      const options = { after: held.cursor, over: pick(this.#random, ['WebSocket', 'SSE'] as const) }
      for await (const event of this.#client.follow(generationId, options)) {
        held = fold(held, event)
        isOver = event.__typename === 'GenerationFinished'
        left -= 1
        if (isOver || left === 0) return
      }
    }
    while (!isOver) await this.#persist(visit)
    return held.texts
  }

  /** Calls again what the server, or the machine, had no time for. */
  async #persist<Result>(call: () => Promise<Result>): Promise<Result> {
    for (;;) {
      try {
        return await call()
      } catch (error) {
        if (!passing.test(String(error))) throw error
        this.did.repeats += 1
      }
    }
  }
}

const passing = /"retryable":true|socket has closed|closed with|socket hang up|ECONNRESET/

function expectWhole(texts: readonly string[]): void {
  expect(texts).toEqual([automaticText(tokens)])
}

function median(numbers: readonly number[]): number {
  return numbers.toSorted((one, other) => one - other)[Math.floor(numbers.length / 2)]!
}

function told(seen: readonly Memory[]): string {
  const megabytes = (bytes: readonly number[]) => `${(median(bytes) / 2 ** 20).toFixed(1)} MB`
  return `heap ${megabytes(seen.map(({ heap }) => heap))}, resident ${megabytes(seen.map(({ rss }) => rss))}`
}
