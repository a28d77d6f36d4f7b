import { StartError } from '../errors.ts'
import { type ApiError, type ProviderWords, readErrorResponse, toFailure, unnamed } from './api-failure.ts'
import { EndlessEventError, EventStreamDecoder, type ServerSentEvent } from './event-stream.ts'
import { bytesOf, type GuardedFetch, guardFetch } from './guard-fetch.ts'
import {
  type ChatProvider,
  type ModelInfo,
  ProviderError,
  type ProviderEvent,
  type ProviderRequest,
} from './provider.ts'
import { type ProviderTimers, Watchdog } from './watchdog.ts'

/** What is particular to one API. Whatever it throws, {@link createApiProvider} makes a failure of it. */
export interface Api extends ProviderWords {
  /** As in `provider:name` of a model. */
  readonly name: string
  readonly knownModels: readonly ModelInfo[]
  /** What must never be seen in a log; null: it needs no key. */
  readonly key: string | null
  /** Asks for the list of models with `fetch`, which takes nothing but JSON. */
  listModels(fetch: GuardedFetch): Promise<readonly ModelInfo[]>
  /** Sends a request with `fetch`, which takes nothing but an event stream, and does not read the answer. */
  ask(request: ProviderRequest, fetch: GuardedFetch): Promise<Response>
  /** The response header that names a request for the provider's own support. */
  readonly requestIdHeader: string
  /** Reads one answer. */
  createReader(): AnswerReader
}

/** Reads one answer off its stream, event by event. What it does not know says nothing. */
export interface AnswerReader {
  /** Whether the answer is whole: what may still follow does not belong to it. */
  readonly finished: boolean
  /** Throws {@link ApiStreamError} where the API says that the answer has failed. */
  read(event: ServerSentEvent): readonly ProviderEvent[]
  /** What the end of the stream says: the `finish` of an answer that was whole but for a last word, or nothing. */
  readEnd(): readonly ProviderEvent[]
}

/** Numbers the content of an API that has no blocks: another one begins where text follows reasoning, or this that. */
export class ContentBlocks {
  #block = -1
  #type = ''

  /** The event that says `text`; none for what is empty, or no text. */
  content(type: 'text' | 'reasoning', text: unknown): readonly ProviderEvent[] {
    if (typeof text !== 'string' || text === '') return []
    if (type !== this.#type) this.#block += 1
    this.#type = type
    return [{ type, block: this.#block, text }]
  }
}

/** An API says in the middle of a stream that the answer has failed. */
export class ApiStreamError extends Error {
  override name = 'ApiStreamError'
  /** Null: it did not say what is wrong. */
  readonly said: ApiError | null

  constructor(said: ApiError | null) {
    super(said?.message ?? said?.names.join(' ') ?? 'no reason given')
    this.said = said
  }
}

/** More than any answer takes, and little enough that sums of them are stored. */
const maxTokens = 500_000_000

/** A number of tokens, where it is one: an API, or a gateway before it, may say anything. */
export function tokenCount(value: unknown): number | null {
  const isCount = typeof value === 'number' && Number.isInteger(value) && value >= 0 && value < maxTokens
  return isCount ? value : null
}

/**
 * A provider that is asked by the SDK of its API and read straight off the connection: that holds it back while nobody
 * reads, sees every way in which a stream can break, the same for each API, and costs a third of an SDK's own stream.
 *
 * @throws StartError for a key that no header can carry
 */
export function createApiProvider(api: Api, timers: ProviderTimers): ChatProvider {
  if (api.key !== null && !/^[\x21-\x7e]+$/.test(api.key)) {
    throw new StartError(`Cannot use ${api.keySetting}: it holds a character that no API key has`)
  }
  return new ApiProvider(api, timers)
}

/** Characters of what an API said that go to the log. */
const maxCauseLength = 2_000

class ApiProvider implements ChatProvider {
  readonly name: string
  readonly displayName: string
  readonly knownModels: readonly ModelInfo[]
  readonly #api: Api
  readonly #timers: ProviderTimers

  constructor(api: Api, timers: ProviderTimers) {
    this.name = api.name
    this.displayName = api.label
    this.knownModels = api.knownModels
    this.#api = api
    this.#timers = timers
  }

  async listModels(signal: AbortSignal): Promise<readonly ModelInfo[]> {
    signal.throwIfAborted()
    using watch = this.#watch(signal)
    try {
      const models = await this.#api.listModels(this.#fetch(watch, 'application/json'))
      watch.setComplete()
      return models
    } catch (error) {
      throw this.#failure(error, watch, signal)
    }
  }

  async *stream(
    request: ProviderRequest,
    signal: AbortSignal,
  ): AsyncGenerator<ProviderEvent, void, undefined> {
    signal.throwIfAborted()
    using watch = this.#watch(signal)
    const answer = this.#api.createReader()
    let failure: unknown = null
    try {
      watch.start('providerFirstContent')
      const response = await this.#api.ask(request, this.#fetch(watch, 'text/event-stream'))
      yield { type: 'start', requestId: response.headers.get(this.#api.requestIdHeader) }
      const decoder = new EventStreamDecoder()
      for await (const bytes of bytesOf(response)) {
        for (const event of decoder.push(bytes)) {
          for (const read of answer.read(event)) {
            if (answer.finished) watch.setComplete()
            const isContent = read.type === 'text' || read.type === 'reasoning'
            // The time that our reader takes is not the provider's.
            if (isContent) watch.stop('providerFirstContent', 'providerContentIdle')
            yield read
            if (isContent) watch.start('providerContentIdle')
          }
          if (answer.finished) return
        }
      }
    } catch (error) {
      failure = this.#failure(error, watch, signal)
    }
    // An answer that lacks only its last word is whole, however its stream ended.
    const rest = signal.aborted ? [] : answer.readEnd()
    if (rest.length === 0) throw failure ?? this.#failure(this.#brokenOff(), watch, signal)
    yield* rest
  }

  #watch(signal: AbortSignal): Watchdog {
    const watch = new Watchdog(this.#api.label, this.#timers, signal)
    watch.start('providerTotal')
    return watch
  }

  #fetch(watch: Watchdog, mediaType: 'application/json' | 'text/event-stream'): GuardedFetch {
    const refuse = (status: number, headers: Headers, body: string) =>
      toFailure(
        readErrorResponse(status, headers, body),
        this.#api,
        new Error(`HTTP ${status}: ${body}`.slice(0, maxCauseLength)),
      )
    return guardFetch(watch, { mediaType, redact: this.#redact, refuse })
  }

  readonly #redact = (text: string) => {
    const { key } = this.#api
    return key === null ? text : text.replaceAll(key, '[API key]')
  }

  /** The error that counts: the caller's abort, else what the watchdog saw, else what was made of the stream. */
  #failure(error: unknown, watch: Watchdog, signal: AbortSignal): unknown {
    if (signal.aborted) return signal.reason
    return watch.failure ?? this.#toProviderError(error)
  }

  #toProviderError(error: unknown): ProviderError {
    if (error instanceof ProviderError) return error
    const said = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
    // Only a copy of the message: an SDK's error holds the response as it came.
    const cause = new Error(this.#redact(said).slice(0, maxCauseLength))
    if (error instanceof ApiStreamError) return toFailure(this.#redacted(error.said), this.#api, cause)
    // Without a cause: it quotes what came, and may quote half of the key.
    if (error instanceof SyntaxError) return this.#brokenOff('it sent something that is not JSON')
    if (error instanceof EndlessEventError) return this.#brokenOff('it sent an event without an end', cause)
    const message = `Asking ${this.#api.label} failed: an error of this server`
    return new ProviderError('INTERNAL', message, { cause })
  }

  #redacted(said: ApiError | null): ApiError {
    return { ...(said ?? unnamed), message: said?.message ? this.#redact(said.message) : null }
  }

  #brokenOff(why = 'the answer has no end', cause?: Error): ProviderError {
    const message = `${this.#api.label} broke off: ${why}`
    return new ProviderError('PROVIDER_BAD_RESPONSE', message, { retryable: true, cause })
  }
}
