import { describe, expect, test } from 'vitest'
import { clientOf } from '../../support/app.ts'
import { memoryOf, startChild } from '../../support/child.ts'
import { databases } from '../../support/databases.ts'
import { fold, type Held, nothingHeld, type StreamedEvent } from '../../support/fold.ts'
import { postGraphQL } from '../../support/graphql-client.ts'
import { readRaw } from '../../support/raw-reader.ts'
import { type ScriptedRun, startScriptedUpstream } from '../../support/scripted-provider.ts'

/** Long tokens: the kernel holds four megabytes for a connection, and of a shorter text nothing would ever wait. */
const words = Array.from({ length: 20_000 }, (_, index) => `${index + 1} 🎉${'x'.repeat(390)} `)
const beginning = words.slice(0, 100)
const rest = words.slice(100)
const wholeText = words.join('')
/** As JavaScript holds it: two bytes for each UTF-16 unit. */
const textBytes = 2 * wholeText.length
/** Bytes of text in one delta at the most. */
const deltaBytes = 32_000

/** Nobody here is cut off for being slow. */
const settings = { PARLEY_TIMEOUT_STALL: '5m', PARLEY_INTERVAL_PING: '5m' }

describe.each(databases)(
  'readers that stop reading in the middle of 20,000 tokens, on $name',
  ({ create }) => {
    test.each([
      { fast: 'WebSocket', gone: 'SSE' },
      { fast: 'SSE', gone: 'WebSocket' },
    ] as const)('hold up neither one over $fast nor a query, and miss nothing', async ({ fast, gone }) => {
      await using place = await create()
      await using upstream = await startScriptedUpstream()
      // In a process of its own, whose memory is nobody else's.
      await using server = startChild('serve', JSON.stringify({ place, upstream, settings }))
      const client = clientOf((await server.line())!)
      const { generationId, answerId } = await client.ask(await client.createConversation())
      const read = (over: 'WebSocket' | 'SSE', after: string | null = null) =>
        new StallingReader(readRaw(client.endpoint, { query, variables: { id: generationId, after } }, over))
      const stalled = { webSocket: read('WebSocket'), events: read('SSE'), gone: read(gone) }
      const reader = read(fast)
      const run = await upstream.request()
      await say(run, beginning)
      for (const one of [...Object.values(stalled), reader]) await one.readUntil(beginning.join(''))

      // Three take nothing more, and the fourth and a query have the server for themselves.
      const before = await memoryOf(server)
      const began = performance.now()
      const latency = watchLatency(client.endpoint)
      const said = say(run, rest)
      await reader.readUntil(wholeText)
      await said
      const after = await memoryOf(server)
      expect(after.unsent).toHaveLength(3)
      expect(Math.max(...after.unsent)).toBeLessThan(5 * deltaBytes)
      // Every reader's own copy of every event, as a queue would hold it, would be three times this.
      expect(after.heap - before.heap).toBeLessThan(4 * textBytes)
      expect(after.rss - before.rss).toBeLessThan(20 * textBytes)
      await run.finish()
      await reader.readToTheEnd()
      // A query that was held up would have waited for the end of all that.
      expect(await latency.slowest()).toBeLessThan((performance.now() - began) / 2)

      // One comes back over a new connection, with the cursor of the last event that it was shown.
      const { held } = stalled.gone
      await stalled.gone.close()
      const again = read(gone, held.cursor)
      again.held = held
      await again.readToTheEnd()
      const missing = Buffer.byteLength(wholeText) - Buffer.byteLength(held.texts.join(''))
      expect(again.deltas).toBeLessThanOrEqual(Math.ceil(missing / (deltaBytes - 4)))
      // The others read on, beginning with what the kernel has kept for them.
      for (const one of [stalled.webSocket, stalled.events]) {
        await one.readToTheEnd()
        expect(one.deltas).toBeLessThan(words.length / 4)
      }
      // Not toEqual: the difference of two such texts would take minutes to print.
      const readers = [reader, again, stalled.webSocket, stalled.events]
      expect(readers.map((one) => one.text === wholeText)).toEqual([true, true, true, true])
      expect((await client.message(answerId)).text === wholeText).toBe(true)
    })
  },
)

const query = `subscription ($id: ID!, $after: Cursor) { generationEvents(generationId: $id, after: $after) {
  __typename cursor seq ... on PartDelta { messageId revision partIndex offset text } } }`

async function say(run: ScriptedRun, words: readonly string[]): Promise<void> {
  for (const word of words) await run.text(word)
}

/** A client that reads its connection only while it is told to. */
class StallingReader {
  held: Held = nothingHeld
  deltas = 0
  readonly #events: AsyncGenerator<StreamedEvent, void, void>

  constructor(events: AsyncGenerator<StreamedEvent, void, void>) {
    this.#events = events
  }

  get text(): string {
    return this.held.texts.join('')
  }

  async readUntil(text: string): Promise<void> {
    while (this.text.length < text.length) {
      const { done, value } = await this.#events.next()
      if (done) throw new Error('The stream ended before the text that was waited for')
      this.#take(value)
    }
  }

  async readToTheEnd(): Promise<void> {
    for await (const event of this.#events) this.#take(event)
  }

  async close(): Promise<void> {
    await this.#events.return()
  }

  #take(event: StreamedEvent): void {
    this.held = fold(this.held, event)
    if (event.__typename === 'PartDelta') this.deltas += 1
  }
}

/** Asks something unrelated again and again, until it is asked for the longest time that an answer took. */
function watchLatency(endpoint: string): { slowest(): Promise<number> } {
  const times: number[] = []
  const stop = new AbortController()
  const watch = async () => {
    while (!stop.signal.aborted) {
      const asked = performance.now()
      await postGraphQL(endpoint, { query: '{ viewer { name } }' })
      times.push(performance.now() - asked)
    }
  }
  const done = watch()
  return {
    async slowest() {
      stop.abort()
      await done
      return Math.max(...times)
    },
  }
}
