import { setTimeout as sleep } from 'node:timers/promises'
import type { Question } from '../wire.ts'
import { openAiSdk } from './ai-sdk.ts'
import { openGraphQL } from './graphql.ts'
import { Histogram } from './histogram.ts'
import { openIdle } from './idle.ts'
import { openParley } from './parley.ts'
import { openRawWs } from './raw-ws.ts'
import type { Reader, Watcher } from './reader.ts'
import { type OpenRoom, openGraphQLRoom, openParleyRoom, openRawWsRoom } from './rooms.ts'

const dialects = { 'raw-ws': openRawWs, graphql: openGraphQL, 'ai-sdk': openAiSdk, parley: openParley }

/** How a server is spoken to. */
export type Dialect = keyof typeof dialects

const rooms: Readonly<Partial<Record<Dialect, OpenRoom>>> = {
  'raw-ws': openRawWsRoom,
  graphql: openGraphQLRoom,
  parley: openParleyRoom,
}

/** How readers ask. */
export type Asking = {
  readonly question: Question
  /** Milliseconds over which the first questions are spread. */
  readonly spread: number
  /** How many answers each reader asks for, one after the other. */
  readonly times: number
}

/** What readers saw since they were last asked. Times are milliseconds. */
export type Seen = {
  readonly tokens: number
  readonly frames: number
  readonly bytes: number
  /** From the upstream's write of a token to its arrival here. */
  readonly latency: { readonly p50: number | null; readonly p99: number | null }
  /** What asking and the first token took beside what the upstream took, answer by answer. */
  readonly firstTokens: readonly number[]
  /** Why answers were not whole. */
  readonly faults: readonly string[]
}

/** Connections opened at once. */
const openingAtOnce = 50

/** Clients of one server under test. */
export class Group implements Watcher {
  readonly #readers: Reader[] = []
  readonly #latencies = new Histogram()
  #tokens = 0
  #frames = 0
  #bytes = 0
  #firstTokens: number[] = []
  #faults: string[] = []

  static async open(dialect: Dialect, url: string, readers: number): Promise<Group> {
    const group = new Group()
    while (group.#readers.length < readers) {
      const wanted = Math.min(openingAtOnce, readers - group.#readers.length)
      const opening = Array.from({ length: wanted }, () => dialects[dialect](url, group))
      group.#readers.push(...(await Promise.all(opening)))
    }
    return group
  }

  /** One that asks, and others that all watch its answers. */
  static async openRoom(dialect: Dialect, url: string, watchers: number): Promise<Group> {
    const group = new Group()
    const open = rooms[dialect]
    if (!open) throw new Error(`${dialect} has no answers that several watch`)
    group.#readers.push(await open(url, group, watchers))
    return group
  }

  /** Those who watch a conversation each, and never ask. */
  static async openIdle(url: string, conversations: readonly string[]): Promise<Group> {
    const group = new Group()
    group.#readers.push(...(await openIdle(url, conversations)))
    return group
  }

  /** Resolves when every answer has ended, whole or not. */
  async ask({ question, spread, times }: Asking): Promise<void> {
    const asking = this.#readers.map(async (reader, index) => {
      await sleep((index * spread) / this.#readers.length)
      for (let time = 0; time < times; time += 1) await reader.ask(question)
    })
    const results = await Promise.allSettled(asking)
    this.#faults.push(
      ...results.flatMap((result) => (result.status === 'rejected' ? String(result.reason) : [])),
    )
  }

  /** What was seen since the last call. */
  take(): Seen {
    const seen = {
      tokens: this.#tokens,
      frames: this.#frames,
      bytes: this.#bytes,
      latency: { p50: this.#latencies.percentile(0.5), p99: this.#latencies.percentile(0.99) },
      firstTokens: this.#firstTokens,
      faults: this.#faults,
    }
    this.#tokens = this.#frames = this.#bytes = 0
    this.#firstTokens = []
    this.#faults = []
    this.#latencies.clear()
    return seen
  }

  /** In a room: all but one of those who watch stop reading, until {@link resume}. */
  stall(): void {
    for (const reader of this.#readers) reader.stall?.()
  }

  resume(): void {
    for (const reader of this.#readers) reader.resume?.()
  }

  close(): void {
    for (const reader of this.#readers) reader.close()
  }

  onFrame(bytes: number): void {
    this.#frames += 1
    this.#bytes += bytes
  }

  onToken(latency: number): void {
    this.#tokens += 1
    this.#latencies.add(latency)
  }

  onFirstToken(added: number): void {
    this.#firstTokens.push(added / 1_000)
  }
}
