// The browser's build: the other one reads the environment, warns of what it finds there, and logs in to Google Cloud.
import {
  type Content,
  type GenerateContentConfig,
  GoogleGenAI,
  type Model,
  ThinkingLevel,
} from '@google/genai/web'
import { type Api, createApiProvider, tokenCount } from './api-provider.ts'
import { GeminiReader } from './gemini-answer.ts'
import type { GuardedFetch } from './guard-fetch.ts'
import type {
  ChatProvider,
  ModelCapability,
  ModelInfo,
  Parameters,
  PromptMessage,
  ProviderRequest,
  ReasoningEffort,
} from './provider.ts'
import type { ProviderTimers } from './watchdog.ts'

export type GeminiOptions = {
  readonly apiKey: string
  /** Null: Google's own. */
  readonly baseUrl: string | null
  readonly timers: ProviderTimers
}

/** Pinned: the SDK's own choice changes from one version of it to the next. */
const apiVersion = 'v1beta'
/** More than Google will ever list: an endless listing ends here. */
const maxListedModels = 1_000

const levels = {
  LOW: ThinkingLevel.LOW,
  MEDIUM: ThinkingLevel.MEDIUM,
  HIGH: ThinkingLevel.HIGH,
  MAX: ThinkingLevel.HIGH,
} as const satisfies Record<ReasoningEffort, ThinkingLevel>

/** Gemini, at Google's API for developers. */
export function createGemini(options: GeminiOptions): ChatProvider {
  return createApiProvider(new GeminiApi(options), options.timers)
}

class GeminiApi implements Api {
  readonly name = 'gemini'
  readonly label = 'Google'
  readonly keySetting = 'GEMINI_API_KEY'
  readonly urlSetting = 'GEMINI_BASE_URL'
  readonly requestIdHeader = 'x-request-id'
  readonly knownModels: readonly ModelInfo[] = []
  readonly #options: GeminiOptions
  /** Models that think, as the latest listing said. */
  #thinking: ReadonlySet<string> = new Set()

  constructor(options: GeminiOptions) {
    this.#options = options
  }

  get key(): string {
    return this.#options.apiKey
  }

  createReader(): GeminiReader {
    return new GeminiReader()
  }

  async listModels(fetch: GuardedFetch): Promise<readonly ModelInfo[]> {
    const pages = await this.#client(fetch).models.list({ config: { pageSize: 1_000 } })
    // By pages: one by one, the SDK lists a nothing for a page that is empty, and for ever where it is no list.
    const models = [...pages.page]
    while (pages.hasNextPage() && models.length < maxListedModels) models.push(...(await pages.nextPage()))
    const listed = models.filter(writesText).map(toModelInfo)
    const thinks = ({ capabilities }: ModelInfo) => capabilities.includes('REASONING')
    this.#thinking = new Set(listed.filter(thinks).map(({ name }) => name))
    return listed
  }

  async ask(request: ProviderRequest, fetch: GuardedFetch): Promise<Response> {
    const { promise: response, resolve } = Promise.withResolvers<Response>()
    // Its own reader of streams is never begun: that one drops, doubles and cuts what is sent a little unusually.
    await this.#client(async (input, init) => {
      const one = await fetch(input, init)
      resolve(one)
      return one
    }).models.generateContentStream({
      model: request.model,
      contents: request.messages.map(toContent),
      config: toConfig(request, this.#thinking.has(request.model)),
    })
    return response
  }

  /** A client for one request. */
  #client(fetch: GuardedFetch): GoogleGenAI {
    const { apiKey, baseUrl } = this.#options
    return new GoogleGenAI({
      apiKey,
      apiVersion,
      httpOptions: { baseUrl: baseUrl ?? 'https://generativelanguage.googleapis.com', fetch },
    })
  }
}

function toContent({ role, text }: PromptMessage): Content {
  return { role: role === 'assistant' ? 'model' : 'user', parts: [{ text }] }
}

function toConfig({ system, parameters }: ProviderRequest, thinks: boolean): GenerateContentConfig {
  const { temperature, topP, maxOutputTokens, stop, effort } = parameters
  return {
    // What the SDK would do by itself: ask again, in more requests than one.
    automaticFunctionCalling: { disable: true },
    automaticContinuation: false,
    ...(system !== null && { systemInstruction: system }),
    ...(temperature !== null && { temperature }),
    ...(topP !== null && { topP }),
    ...(maxOutputTokens !== null && { maxOutputTokens }),
    ...(stop && stop.length > 0 && { stopSequences: [...stop] }),
    ...(thinks && {
      thinkingConfig: { includeThoughts: true, ...(effort && { thinkingLevel: levels[effort] }) },
    }),
  }
}

function writesText({ name, supportedActions }: Model): boolean {
  return name !== undefined && (supportedActions?.includes('generateContent') ?? false)
}

function toModelInfo(model: Model): ModelInfo {
  const name = model.name?.replace(/^models\//, '') ?? ''
  const capabilities: ModelCapability[] = ['TOOLS', 'VISION', 'JSON_MODE']
  const parameters: (keyof Parameters)[] = ['temperature', 'topP', 'maxOutputTokens', 'stop']
  return {
    provider: 'gemini',
    name,
    displayName: model.displayName ?? name,
    contextWindow: tokenCount(model.inputTokenLimit),
    maxOutputTokens: tokenCount(model.outputTokenLimit),
    capabilities: model.thinking ? [...capabilities, 'REASONING'] : capabilities,
    parameters: new Set(model.thinking ? [...parameters, 'effort'] : parameters),
    lifecycle: 'ACTIVE',
    retiresAt: null,
    prices: null,
    createdAt: null,
  }
}
