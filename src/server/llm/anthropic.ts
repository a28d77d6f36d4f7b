import { Anthropic } from '@anthropic-ai/sdk'
import { AnthropicReader } from './anthropic-answer.ts'
import { anthropicName, knownClaudeModels, type ListedModel, toModelInfos } from './anthropic-models.ts'
import { toMessageParams } from './anthropic-request.ts'
import { type Api, createApiProvider } from './api-provider.ts'
import { type GuardedFetch, withBearer } from './guard-fetch.ts'
import type { ChatProvider, ModelInfo, ProviderRequest } from './provider.ts'
import type { ProviderTimers } from './watchdog.ts'

export type AnthropicOptions = {
  readonly apiKey: string
  /** Null: Anthropic's own. */
  readonly baseUrl: string | null
  readonly timers: ProviderTimers
}

/** More than Anthropic will ever list: an endless listing ends here. */
const maxListedModels = 1_000

/** Claude. An answer counts as whole only after `message_stop`. */
export function createAnthropic(options: AnthropicOptions): ChatProvider {
  return createApiProvider(new AnthropicApi(options), options.timers)
}

class AnthropicApi implements Api {
  readonly name = anthropicName
  readonly label = 'Anthropic'
  readonly keySetting = 'ANTHROPIC_API_KEY'
  readonly urlSetting = 'ANTHROPIC_BASE_URL'
  readonly requestIdHeader = 'request-id'
  readonly knownModels = knownClaudeModels
  readonly #options: AnthropicOptions
  /** By id, as the latest listing said. */
  #listed: ReadonlyMap<string, ListedModel> = new Map()

  constructor(options: AnthropicOptions) {
    this.#options = options
  }

  get key(): string {
    return this.#options.apiKey
  }

  createReader(): AnthropicReader {
    return new AnthropicReader()
  }

  async listModels(fetch: GuardedFetch): Promise<readonly ModelInfo[]> {
    const lifecycle: Anthropic.ModelListParams['lifecycle'] = ['active', 'deprecated', 'retired']
    const listed: ListedModel[] = []
    for await (const model of this.#client(fetch).models.list({ limit: 1_000, lifecycle })) {
      listed.push(model)
      if (listed.length === maxListedModels) break
    }
    this.#listed = new Map(listed.map((model) => [model.id, model]))
    return toModelInfos(listed)
  }

  ask(request: ProviderRequest, fetch: GuardedFetch): Promise<Response> {
    const params = toMessageParams(request, this.#listed.get(request.model) ?? null)
    return this.#client(fetch).messages.create(params).asResponse()
  }

  /** A client for one request. What it would read from the environment is given, or turned off. */
  #client(fetch: GuardedFetch): Anthropic {
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
      fetch: withBearer(fetch, apiKey),
    })
  }
}
