import { randomUUID } from 'node:crypto'
import { Redis, ReplyError } from 'ioredis'
import type { ChunkKind } from '../db/tables.ts'
import { reasonOf, StartError } from '../errors.ts'
import type { GenerationId } from '../ids.ts'
import type { Connect, Hints, Line } from './bus.ts'
import type { Tail } from './content.ts'
import type { Topic } from './wake-ups.ts'

/**
 * Channels over which topics are spread. One for each topic would bring a process only what it watches, but a
 * message for every run that a commit has touched: three times the work for the sender and twice that of the
 * receiver, who drops a hint that nobody waits for in well under a microsecond.
 */
const channels = 64
/** Milliseconds that Redis may take to connect and to answer. */
const timeout = 5_000

/**
 * Lines over Redis or Valkey. `incarnation` tells the databases apart whose processes share one.
 *
 * One connection both sends and receives, which takes RESP3 and with it Redis 6 or newer, or Valkey.
 */
export function connectRedis(url: string, incarnation: string): Connect {
  return async (hear) => {
    const redis = new Redis(url, {
      lazyConnect: true,
      connectTimeout: timeout,
      socketTimeout: timeout,
      // The bus connects again, and drops what cannot be sent now.
      retryStrategy: null,
      enableOfflineQueue: false,
      autoResubscribe: false,
    })
    const line = new RedisLine(redis, `parley:${incarnation}:`, hear)
    // What a connection fails of is told by an event; the promise says only that it did.
    const problem = await redis.connect().then(
      () => line.problem,
      (error: unknown) => line.problem ?? error,
    )
    if (problem === null) return line
    line.close()
    throw isRefusal(problem) ? new StartError(`Cannot use REDIS_URL: ${reasonOf(problem)}`) : problem
  }
}

/**
 * A password, a user's rights or the number of a database do not change by trying again. What else Redis may answer
 * passes by itself: that it is loading, has no master or too many clients.
 */
function isRefusal(error: unknown): boolean {
  return error instanceof ReplyError && /^(WRONGPASS|NOAUTH|NOPERM)\b|\bDB index\b/.test(reasonOf(error))
}

/** A tail as it is sent: the run, its revision, the time of the commit, and of each chunk part, start, kind and text. */
type Sent = [GenerationId, number, number, [number, number, ChunkKind, unknown][]]

function write(hints: readonly (readonly [Topic, Tail | null])[]): string {
  const topics = hints.flatMap(([topic, tail]) => (tail ? [] : topic))
  const tails = hints.flatMap(([, tail]) => (tail ? [sent(tail)] : []))
  return JSON.stringify([topics, tails])
}

function sent({ generationId, revision, at, chunks }: Tail): Sent {
  const pieces = chunks.map(({ part, start, kind, text }): Sent[3][number] => [part, start, kind, text])
  return [generationId, revision, at.getTime(), pieces]
}

/** What can't be read, as another version may write it, says nothing. */
function parse(message: string): { topics: Topic[]; tails: Tail[] } {
  try {
    const [topics, tails] = JSON.parse(message) as [Topic[], Sent[]]
    return { topics: topics.map(String) as Topic[], tails: tails.map(tailFrom) }
  } catch {
    return { topics: [], tails: [] }
  }
}

function tailFrom([generationId, revision, at, pieces]: Sent): Tail {
  const chunks = pieces.map(([part, start, kind, text]) => ({ part, start, kind, text: String(text) }))
  return { generationId, revision, at: new Date(at), chunks }
}

/** Topics of one channel that are watched here, and when its hints come: null once they do. */
type Subscription = { topics: number; coming: Promise<unknown> | null }

class RedisLine implements Line {
  problem: Error | null = null
  readonly #redis: Redis
  readonly #prefix: string
  readonly #end = Promise.withResolvers<Error>()
  /** Leads each message, so that nobody is woken by what was sent from here. */
  readonly #sender = randomUUID().slice(0, 8)
  readonly #subscriptions = new Map<string, Subscription>()

  constructor(redis: Redis, prefix: string, hear: Parameters<Connect>[0]) {
    this.#redis = redis
    this.#prefix = prefix
    redis.on('error', (error) => {
      this.problem ??= error
      this.#end.resolve(error)
    })
    redis.on('end', () => this.#end.resolve(new Error('Connection closed')))
    redis.on('message', (_channel, message) => {
      if (message.startsWith(this.#sender)) return
      const { topics, tails } = parse(message.slice(this.#sender.length))
      hear(topics, tails)
    })
  }

  get ended(): Promise<Error> {
    return this.#end.promise
  }

  async send(hints: Hints): Promise<void> {
    const pipeline = this.#redis.pipeline()
    for (const [channel, some] of Map.groupBy(hints, ([topic]) => this.#channelOf(topic)))
      pipeline.publish(channel, this.#sender + write(some))
    const results = await this.#orEnd(pipeline.exec())
    const failure = results?.find(([error]) => error)?.[0]
    if (failure) await this.#orEnd(Promise.reject(failure))
  }

  watch(topic: Topic): Promise<unknown> | null {
    const channel = this.#channelOf(topic)
    const known = this.#subscriptions.get(channel)
    if (known) {
      known.topics += 1
      return known.coming
    }
    const subscription: Subscription = { topics: 1, coming: null }
    subscription.coming = this.#orEnd(this.#redis.subscribe(channel)).then(() => {
      subscription.coming = null
    })
    this.#subscriptions.set(channel, subscription)
    return subscription.coming
  }

  unwatch(topic: Topic): void {
    const channel = this.#channelOf(topic)
    const known = this.#subscriptions.get(channel)
    if (!known || --known.topics > 0) return
    this.#subscriptions.delete(channel)
    this.#orEnd(this.#redis.unsubscribe(channel)).catch(() => {})
  }

  check(): Promise<unknown> {
    return this.#orEnd(this.#redis.ping())
  }

  close(): void {
    this.#end.resolve(new Error('Connection closed'))
    this.#redis.disconnect()
  }

  /** By the id's last digits, which are random; what has none shares the first channel. */
  #channelOf(topic: Topic): string {
    return this.#prefix + ((Number.parseInt(topic.slice(-2), 16) || 0) % channels)
  }

  async #orEnd<Answer>(answer: Promise<Answer>): Promise<Answer> {
    try {
      return await answer
    } catch (error) {
      this.#end.resolve(error as Error)
      this.close()
      throw error
    }
  }
}
