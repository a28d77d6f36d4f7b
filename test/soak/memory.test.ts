import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { type Client, clientOf } from '../support/app.ts'
import { type Memory, memoryOf, startChild } from '../support/child.ts'
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
      const client = clientOf((await server.line())!)
      const over = performance.now() + seconds * 1_000
      const reading = Array.from({ length: streams }, () => readOn(client, random, over))
      const seen: Memory[] = []
      for (let look = 1; look <= looks; look += 1) {
        await delay(Math.max(0, over - (seconds * 1_000 * (looks - look)) / looks - performance.now()))
        seen.push(await memoryOf(server))
        if (look % (looks / 4) === 0) console.log(`memory on ${name}: ${told(seen.slice(-looks / 4))}`)
      }
      const answers = (await Promise.all(reading)).reduce((sum, count) => sum + count, 0)
      console.log(`memory on ${name}: ${streams} readers, ${answers} answers, ${seconds} seconds`)
      const [third, fourth] = [seen.slice(looks / 2, (looks * 3) / 4), seen.slice((looks * 3) / 4)]
      for (const kind of ['heap', 'rss'] as const) {
        const before = median(third.map((memory) => memory[kind]))
        const now = median(fourth.map((memory) => memory[kind]))
        expect(now).toBeLessThan(before * (1 + tolerance.share) + tolerance.bytes)
      }
    })
  },
)

/** Asks and reads one answer after the other, each over many connections, and says how many there were. */
async function readOn(client: Client, random: Random, over: number): Promise<number> {
  let answers = 0
  for (; performance.now() < over; answers += 1) {
    const { generationId } = await client.ask(await client.createConversation())
    let held = nothingHeld
    for (let isOver = false; !isOver; ) {
      let left = 1 + Math.floor(random() * mostEvents)
      const options = { after: held.cursor, over: pick(random, ['WebSocket', 'SSE'] as const) }
      for await (const event of client.follow(generationId, options)) {
        held = fold(held, event)
        isOver = event.__typename === 'GenerationFinished'
        left -= 1
        if (left === 0) break
      }
    }
    expectWhole(held.texts)
  }
  return answers
}

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
