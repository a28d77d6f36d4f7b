import { OpenAI } from 'openai'
import { type Api, createApiProvider } from './api-provider.ts'
import { type GuardedFetch, withBearer } from './guard-fetch.ts'
import { OpenAiReader } from './openai-answer.ts'
import { isModel, type ListedModel, toModelInfo } from './openai-models.ts'
import type { Vendor } from './openai-vendors.ts'
import type { ChatProvider, ModelInfo, ProviderRequest } from './provider.ts'
import type { ProviderTimers } from './watchdog.ts'

export type OpenAiOptions = {
  readonly vendor: Vendor
  /** Null: it asks for none. */
  readonly apiKey: string | null
  /** Null: the vendor's own. */
  readonly baseUrl: string | null
  readonly timers: ProviderTimers
}

/** More than anybody will ever list: an endless listing ends here. */
const maxListedModels = 10_000

/** Whoever speaks OpenAI's chat completions. */
export function createOpenAi(options: OpenAiOptions): ChatProvider {
  return createApiProvider(new OpenAiApi(options), options.timers)
}

class OpenAiApi implements Api {
  readonly name: string
  readonly label: string
  readonly keySetting: string
  readonly urlSetting: string
  readonly requestIdHeader: string
  readonly knownModels: readonly ModelInfo[] = []
  readonly key: string | null
  readonly #options: OpenAiOptions

  constructor(options: OpenAiOptions) {
    const { vendor, apiKey } = options
    this.name = vendor.name
    this.label = vendor.label
    this.keySetting = vendor.keySetting
    this.urlSetting = vendor.urlSetting
    this.requestIdHeader = vendor.requestIdHeader
    this.key = apiKey
    this.#options = options
  }

  createReader(): OpenAiReader {
    return new OpenAiReader()
  }

  async listModels(fetch: GuardedFetch): Promise<readonly ModelInfo[]> {
    const { offers, preferred, takes } = this.#options.vendor
    const listed: ListedModel[] = []
    for await (const model of this.#client(fetch).models.list()) {
      if (isModel(model) && offers(model)) listed.push(model)
      if (listed.length === maxListedModels) break
    }
    const rank = ({ id }: ListedModel) => (preferred.includes(id) ? preferred.indexOf(id) : preferred.length)
    const inOrder = listed.sort(
      (one, other) => rank(one) - rank(other) || (other.created ?? 0) - (one.created ?? 0),
    )
    return inOrder.map((model) => toModelInfo(this.name, model, takes(model.id)))
  }

  ask(request: ProviderRequest, fetch: GuardedFetch): Promise<Response> {
    const { model, system, messages, parameters } = request
    const { temperature, topP, stop } = parameters
    return this.#client(fetch)
      .chat.completions.create({
        model,
        messages: [
          ...(system === null ? [] : [{ role: 'system' as const, content: system }]),
          ...messages.map(({ role, text }) => ({ role, content: text })),
        ],
        stream: true,
        stream_options: { include_usage: true },
        ...(temperature !== null && { temperature }),
        ...(topP !== null && { top_p: topP }),
        ...(stop && stop.length > 0 && { stop: [...stop] }),
        ...this.#options.vendor.extras(parameters),
      })
      .asResponse()
  }

  /** A client for one request. What it would read from the environment is given, or turned off. */
  #client(fetch: GuardedFetch): OpenAI {
    const { apiKey, baseUrl, vendor, timers } = this.#options
    // Who asks for no key does not mind one.
    const key = apiKey ?? 'none'
    return new OpenAI({
      apiKey: key,
      adminAPIKey: null,
      organization: null,
      project: null,
      webhookSecret: null,
      baseURL: baseUrl ?? vendor.baseUrl,
      // Its log would hold what people write.
      logLevel: 'off',
      maxRetries: 0,
      timeout: timers.providerTotal,
      fetch: withBearer(fetch, key),
    })
  }
}
