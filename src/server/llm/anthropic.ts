import { Anthropic } from '@anthropic-ai/sdk'
import { StartError } from '../errors.ts'
import { AnswerReader, type Received } from './anthropic-answer.ts'
import { brokenOff, toProviderError } from './anthropic-errors.ts'
import { anthropicName, knownClaudeModels, type ListedModel, toModelInfos } from './anthropic-models.ts'
import { toMessageParams } from './anthropic-request.ts'
import { EventStreamDecoder, type ServerSentEvent } from './event-stream.ts'
import { bytesOf, type GuardOptions, guardFetch } from './guard-fetch.ts'
import type { ChatProvider, ModelInfo, ProviderEvent, ProviderRequest } from './provider.ts'
import { type ProviderTimers, Watchdog } from './watchdog.ts'

export type AnthropicOptions = {
  readonly apiKey: string
  /** Null: Anthropic's own. */
  readonly baseUrl: string | null
  readonly timers: ProviderTimers
}

/** More than Anthropic will ever list: an endless listing ends here. */
const maxListedModels = 1_000

/**
 * Claude, asked by Anthropic's SDK and read straight off the connection: that holds the provider back while nobody
 * reads, and costs a third of the SDK's own stream. An answer counts as whole only after `message_stop`.
 */
export function createAnthropic(options: AnthropicOptions): ChatProvider {
  if (!/^[\x21-\x7e]+$/.test(options.apiKey)) {
    throw new StartError('Cannot use ANTHROPIC_API_KEY: it holds a character that no API key has')
  }
  return new AnthropicProvider(options)
}

/** An event as the SDK reads it: one without a name says nothing, and one named `error` is thrown. */
function toReceived({ event, data }: ServerSentEvent, headers: Headers): Received {
  if (event === null || event === 'ping' || data === '') return null
  if (event !== 'error') return JSON.parse(data) as Received
  const body = parseLeniently(data)
  throw new Anthropic.APIError(undefined, body, undefined, headers, body?.error?.type)
}

function parseLeniently(data: string): { error?: { type?: Anthropic.ErrorType } } | undefined {
  try {
    return JSON.parse(data) as { error?: { type?: Anthropic.ErrorType } }
  } catch {
    return undefined
  }
}

class AnthropicProvider implements ChatProvider {
  readonly name = anthropicName
  readonly knownModels = knownClaudeModels
  readonly #options: AnthropicOptions
  /** By id, as the latest listing said. */
  #listed: ReadonlyMap<string, ListedModel> = new Map()

  constructor(options: AnthropicOptions) {
    this.#options = options
  }

  async listModels(signal: AbortSignal): Promise<readonly ModelInfo[]> {
    signal.throwIfAborted()
    using watch = this.#watch(signal)
    try {
      const listed: ListedModel[] = []
      const lifecycle: Anthropic.ModelListParams['lifecycle'] = ['active', 'deprecated', 'retired']
      for await (const model of this.#client(watch, 'application/json').models.list({
        limit: 1_000,
        lifecycle,
      })) {
        listed.push(model)
        if (listed.length === maxListedModels) break
      }
      watch.setComplete()
      this.#listed = new Map(listed.map((model) => [model.id, model]))
      return toModelInfos(listed)
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
    const answer = new AnswerReader()
    try {
      watch.start('providerFirstContent')
      const params = toMessageParams(request, this.#listed.get(request.model) ?? null)
      const response = await this.#client(watch, 'text/event-stream').messages.create(params).asResponse()
      yield { type: 'start', requestId: response.headers.get('request-id') }
      const decoder = new EventStreamDecoder()
      for await (const bytes of bytesOf(response)) {
        for (const event of decoder.push(bytes)) {
          for (const read of answer.read(toReceived(event, response.headers))) {
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
      throw this.#failure(error, watch, signal)
    }
    throw this.#failure(brokenOff(), watch, signal)
  }

  #watch(signal: AbortSignal): Watchdog {
    const watch = new Watchdog('Anthropic', this.#options.timers, signal)
    watch.start('providerTotal')
    return watch
  }

  /** A client for one request. What it would read from the environment is given, or turned off. */
  #client(watch: Watchdog, mediaType: GuardOptions['mediaType']): Anthropic {
    const { apiKey, baseUrl, timers } = this.#options
    return new Anthropic({
      apiKey,
      baseURL: baseUrl ?? 'https://api.anthropic.com',
      webhookKey: null,
      openTelemetry: false,
      // Its log would hold what people write.
      logLevel: 'off',
      maxRetries: 0,
      timeout: timers.providerTotal,
      fetch: guardFetch(watch, { mediaType, redact: this.#redact }),
    })
  }

  readonly #redact = (text: string) => text.replaceAll(this.#options.apiKey, '[API key]')

  /** The error that counts: the caller's abort, else what the watchdog saw, else what the SDK made of it. */
  #failure(error: unknown, watch: Watchdog, signal: AbortSignal): unknown {
    if (signal.aborted) return signal.reason
    return watch.failure ?? toProviderError(error, this.#redact)
  }
}
