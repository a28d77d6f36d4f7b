import { Anthropic } from '@anthropic-ai/sdk'
import { StartError } from '../errors.ts'
import { AnswerReader } from './anthropic-answer.ts'
import { brokenOff, toProviderError } from './anthropic-errors.ts'
import { anthropicName, knownClaudeModels, type ListedModel, toModelInfos } from './anthropic-models.ts'
import { toMessageParams } from './anthropic-request.ts'
import { type GuardOptions, guardFetch } from './guard-fetch.ts'
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
 * Claude, through the raw stream of Anthropic's SDK: the only way that holds the provider back while nobody reads.
 * That stream ends in silence when it is cut short, so the answer counts as whole only after `message_stop`.
 */
export function createAnthropic(options: AnthropicOptions): ChatProvider {
  if (!/^[\x21-\x7e]+$/.test(options.apiKey)) {
    throw new StartError('Cannot use ANTHROPIC_API_KEY: it holds a character that no API key has')
  }
  return new AnthropicProvider(options)
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
      const { data: events, request_id: requestId } = await this.#client(watch, 'text/event-stream')
        .messages.create(params)
        .withResponse()
      yield { type: 'start', requestId: requestId ?? null }
      for await (const event of events) {
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
