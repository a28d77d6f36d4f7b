import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { createClient, type Client as SocketClient } from 'graphql-ws'
import { WebSocket } from 'ws'
import { eventFields } from './app.ts'
import { type MutationName, mutationDocument, type Payload } from './chat.ts'
import { fold, nothingHeld, type StreamedEvent } from './fold.ts'
import { openEvents, postGraphQL } from './graphql-client.ts'
import type { Random } from './random.ts'

/** Milliseconds from one try to the next at most; people's clients are more patient. */
const longestPause = 60
/** Milliseconds after which a connection counts as dead on which nothing answers. */
const patience = 1_000

type Failure = { readonly message: string; readonly extensions?: { readonly retryable?: boolean } }
type Result = { data?: Record<string, unknown> | null; errors?: readonly Failure[] }

/** Ways to watch an answer. */
export const waysToFollow = ['generation', 'conversation', 'SSE'] as const
export type WayToFollow = (typeof waysToFollow)[number]

/**
 * A client as schema/STREAMING.md tells one to be: it repeats a mutation with the same `clientMutationId` until it has
 * an answer, and comes back to a stream with its last cursor, over any number of connections, for ever.
 */
export class StubbornClient implements AsyncDisposable {
  readonly #url: () => string
  readonly #random: Random
  readonly #socket: SocketClient

  readonly #onHeard: () => void

  /** `url`: where the server is now. `onHeard` is called for every answer and every event. */
  constructor(url: () => string, random: Random, onHeard: () => void = () => {}) {
    this.#url = url
    this.#random = random
    this.#onHeard = onHeard
    this.#socket = createSocketClient(url, () => this.#pause())
  }

  /** Calls a mutation once, however often it has to be said. Repeat a call with the `clientMutationId` of the first. */
  async mutate(name: MutationName, input: object, clientMutationId = randomUUID()): Promise<Payload> {
    const request = {
      query: mutationDocument(name),
      variables: { input: { clientMutationId, ...input } },
    }
    for (;;) {
      const result = await (this.#random() < 0.5 ? this.#post(request) : this.#overSocket(request))
      if (result?.data && !result.errors) {
        this.#onHeard()
        return result.data[name] as Payload
      }
      await this.#pause()
    }
  }

  /** Reads an answer to its end. Throws when something that was shown is taken back, or when text is missing. */
  async follow(answer: Answer, way: WayToFollow): Promise<void> {
    while (!answer.isOver) {
      await (way === 'SSE' ? this.#followEvents(answer) : this.#followSocket(answer, way))
      if (!answer.isOver) await this.#pause()
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#socket.dispose()
  }

  #pause(): Promise<void> {
    return delay(this.#random() * longestPause)
  }

  async #post(request: { query: string; variables: object }): Promise<Result | null> {
    const endpoint = new URL('/graphql', this.#url()).href
    const gone = delay(patience, null, { ref: false })
    const reply = postGraphQL(endpoint, request as never).then((answer) => answer.json<Result>())
    return Promise.race([reply.catch(() => null), gone])
  }

  #overSocket(request: { query: string; variables: object }): Promise<Result | null> {
    return new Promise((resolve) => {
      let last: Result | null = null
      this.#socket.subscribe(request as never, {
        next: (result) => {
          last = result as Result
        },
        error: () => resolve(null),
        complete: () => resolve(last),
      })
    })
  }

  /** Resolves at its end, or where the server says that it can be tried again. */
  #followSocket(answer: Answer, way: 'generation' | 'conversation'): Promise<void> {
    const payload = { query: documents[way], variables: answer.variables(way) }
    let isCut = false
    return new Promise((resolve, reject) => {
      const stop = this.#socket.subscribe<Record<string, StreamedEvent>>(payload, {
        next: (result) => {
          try {
            if (!isCut) isCut = !this.#show(answer, result as Result)
            payload.variables.after = answer.cursor
            // What the server ends, as the other stream and errors alone, must not be ended twice: the client would
            // count it twice, and close the connection under the others.
            if (way === 'conversation' && (answer.isOver || (isCut && result.data))) stop()
          } catch (error) {
            reject(error)
            stop()
          }
        },
        error: (error) => (isRetryable(error) ? resolve() : reject(error)),
        complete: () =>
          answer.isOver || isCut ? resolve() : reject(new Error(`The stream of ${answer.id} ended too soon`)),
      })
    })
  }

  async #followEvents(answer: Answer): Promise<void> {
    const request = { query: documents.generation, variables: answer.variables('generation') }
    await using events = await openEvents(new URL('/graphql', this.#url()).href, request).catch(() => null)
    for (let event = await events?.next(); event?.event === 'next'; event = await events?.next())
      if (!this.#show(answer, JSON.parse(event.data) as Result)) return
  }

  /** Whether there was something to show; throws what the server does not want to be asked again. */
  #show(answer: Answer, { data, errors }: Result): boolean {
    if (isRetryable(errors)) return false
    if (errors) throw new Error(errors[0]?.message)
    answer.show(Object.values(data ?? {})[0] as StreamedEvent)
    this.#onHeard()
    return true
  }
}

function isRetryable(errors: unknown): boolean {
  return Array.isArray(errors) && errors.some((error: Failure) => error.extensions?.retryable)
}

const documents = {
  generation: `subscription ($id: ID!, $after: Cursor) {
    generationEvents(generationId: $id, after: $after) { ${eventFields} } }`,
  conversation: `subscription ($id: ID!, $after: Cursor) {
    conversationEvents(conversationId: $id, after: $after, fromStart: true) { ${eventFields} } }`,
}

/** Reconnects for ever, and gives a connection up on which no `pong` comes. */
function createSocketClient(url: () => string, pause: () => Promise<void>): SocketClient {
  let connection: WebSocket | null = null
  let unanswered: NodeJS.Timeout | undefined
  return createClient({
    url: () => new URL('/graphql', url()).href.replace('http', 'ws'),
    webSocketImpl: WebSocket,
    retryAttempts: Number.POSITIVE_INFINITY,
    shouldRetry: () => true,
    retryWait: pause,
    connectionAckWaitTimeout: patience,
    keepAlive: patience / 2,
    on: {
      opened: (socket) => {
        connection = socket as WebSocket
        connection.on('error', () => {})
      },
      ping: (received) => {
        if (!received) unanswered = setTimeout(() => connection?.terminate(), patience)
      },
      pong: (received) => {
        if (received) clearTimeout(unanswered)
      },
      closed: () => clearTimeout(unanswered),
    },
  })
}

/** One answer, and everything that its reader was ever shown of it. */
export class Answer {
  readonly id: string
  readonly generationId: string
  readonly conversationId: string
  cursor: string | null = null
  /** Its last event, once it was shown. */
  end: { status: string; text: string } | null = null
  #held = nothingHeld

  constructor(ids: { answerId: string; generationId: string; conversationId: string }) {
    this.id = ids.answerId
    this.generationId = ids.generationId
    this.conversationId = ids.conversationId
  }

  get isOver(): boolean {
    return this.end !== null
  }

  /** What its reader holds. */
  get text(): string {
    return this.#held.texts.join('')
  }

  variables(way: 'generation' | 'conversation'): { id: string; after: string | null } {
    return { id: way === 'generation' ? this.generationId : this.conversationId, after: this.cursor }
  }

  /** Applies one event. Throws when it takes back what was shown. */
  show(event: StreamedEvent): void {
    this.cursor = event.cursor
    const run = event['generation'] as Ended | undefined
    if (event.__typename === 'GenerationFinished' && run?.id === this.generationId) {
      this.end = { status: run.status, text: run.message.text }
    }
    if (event['messageId'] !== this.id) return
    const before = this.#held
    this.#held = fold(before, event)
    for (const [part, text] of before.texts.entries()) {
      if (!this.#held.texts[part]?.startsWith(text)) throw new Error(`Text of ${this.id} was taken back`)
    }
  }
}

type Ended = { id: string; status: string; message: { text: string } }
