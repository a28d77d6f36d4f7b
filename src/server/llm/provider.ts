import type { Prices } from './prices.ts'

/** How long a provider still offers a model; see `ModelLifecycle` in the schema. */
export const modelLifecycles = ['ACTIVE', 'DEPRECATED', 'RETIRED'] as const
export type ModelLifecycle = (typeof modelLifecycles)[number]

/** What a model can do beyond text; see `ModelCapability` in the schema. */
export const modelCapabilities = ['VISION', 'TOOLS', 'REASONING', 'JSON_MODE'] as const
export type ModelCapability = (typeof modelCapabilities)[number]

export const reasoningEfforts = ['LOW', 'MEDIUM', 'HIGH', 'MAX'] as const
export type ReasoningEffort = (typeof reasoningEfforts)[number]

/** What a caller may set for one generation; null: the model's own default. */
export type Parameters = {
  readonly temperature: number | null
  readonly topP: number | null
  /** Tokens. */
  readonly maxOutputTokens: number | null
  readonly stop: readonly string[] | null
  readonly effort: ReasoningEffort | null
}

/** One model as its provider lists it. */
export type ModelInfo = {
  /** Name of the provider that serves it, as `anthropic`. */
  readonly provider: string
  /** The provider's exact name, as `claude-sonnet-5-5`. */
  readonly name: string
  readonly displayName: string
  /** Tokens; null when unknown. */
  readonly contextWindow: number | null
  /** Tokens; null when unknown. */
  readonly maxOutputTokens: number | null
  readonly capabilities: readonly ModelCapability[]
  /** The parameters that the model takes; a caller that sets another one is refused. */
  readonly parameters: ReadonlySet<keyof Parameters>
  readonly lifecycle: ModelLifecycle
  /** When the provider retires it, or has; null: it did not say. */
  readonly retiresAt: Date | null
  /** Null: unknown. */
  readonly prices: Prices | null
  readonly createdAt: Date | null
}

export type PromptMessage = { readonly role: 'user' | 'assistant'; readonly text: string }

export type ProviderRequest = {
  readonly model: string
  readonly system: string | null
  /** Alternating, not empty, the last one by the user. */
  readonly messages: readonly PromptMessage[]
  readonly parameters: Parameters
}

/** Tokens; null: the provider did not say. */
export type TokenUsage = {
  readonly inputTokens: number | null
  readonly outputTokens: number | null
  /** Of the input, those read from the provider's cache. */
  readonly cachedTokens: number | null
  /** Of the input, those written to the provider's cache. */
  readonly cacheWrittenTokens: number | null
  /** Of the output. */
  readonly reasoningTokens: number | null
  /** US dollars as the provider says it itself, an exact decimal. */
  readonly cost: string | null
}

/** Nothing is known. */
export const noTokenUsage: TokenUsage = {
  inputTokens: null,
  outputTokens: null,
  cachedTokens: null,
  cacheWrittenTokens: null,
  reasoningTokens: null,
  cost: null,
}

export const finishReasons = [
  'STOP',
  'LENGTH',
  'TOOL_CALLS',
  'CONTENT_FILTER',
  'REFUSAL',
  'CONTEXT_OVERFLOW',
  'PAUSE',
  'UNKNOWN',
  'CANCELED',
  'INTERRUPTED',
  'ERROR',
] as const
export type FinishReason = (typeof finishReasons)[number]

/** Whether it can be used. */
export function isAvailable(model: ModelInfo): boolean {
  return model.lifecycle !== 'RETIRED'
}

/** The one name of a model that is stored and shown to clients: `provider:name`. */
export function modelKey(model: Pick<ModelInfo, 'provider' | 'name'>): string {
  return `${model.provider}:${model.name}`
}

/**
 * What a provider's stream consists of: at most one `start`, then content, then exactly one `finish`, last.
 * `usage` is cumulative and replaces the one before. `block` counts up from 0 when the provider begins another
 * content block; text of one block belongs together.
 */
export type ProviderEvent =
  | { readonly type: 'start'; readonly requestId: string | null }
  | { readonly type: 'text' | 'reasoning'; readonly block: number; readonly text: string }
  | { readonly type: 'usage'; readonly usage: TokenUsage }
  | { readonly type: 'finish'; readonly reason: FinishReason }

export const failureCodes = [
  'PROVIDER_AUTH',
  'PROVIDER_RATE_LIMITED',
  'PROVIDER_OVERLOADED',
  'PROVIDER_UNREACHABLE',
  'PROVIDER_TIMEOUT',
  'PROVIDER_STALLED',
  'PROVIDER_BAD_RESPONSE',
  'MODEL_UNAVAILABLE',
  'CONTEXT_TOO_LONG',
  'CONTENT_FILTERED',
  'QUOTA_EXCEEDED',
  'INTERNAL',
] as const
export type FailureCode = (typeof failureCodes)[number]

/** The only error that a provider's stream ends with, but for the abort of its signal. `message` is for people. */
export class ProviderError extends Error {
  override name = 'ProviderError'
  readonly code: FailureCode
  /** Whether the same request may succeed later. */
  readonly retryable: boolean
  /** Not before; null: the provider did not say. */
  readonly retryAt: Date | null

  constructor(
    code: FailureCode,
    message: string,
    options: { retryable?: boolean; retryAt?: Date | null; cause?: unknown } = {},
  ) {
    super(message, { cause: options.cause })
    this.code = code
    this.retryable = options.retryable ?? false
    this.retryAt = options.retryAt ?? null
  }
}

/** One source of models. */
export interface ChatProvider {
  /** As in `provider:name` of a model. */
  readonly name: string
  /** For people. */
  readonly displayName: string
  /** What it is known to offer while no listing has arrived, in the order of {@link listModels}. */
  readonly knownModels: readonly ModelInfo[]
  /**
   * Every model that it offers, retired ones too. The first available one is its choice for people who make none;
   * the others are newest first. Throws ProviderError, or the reason of an aborted `signal`.
   */
  listModels(signal: AbortSignal): Promise<readonly ModelInfo[]>
  /**
   * Runs a model once. Pulled by the reader: not reading holds the upstream back. Ends with `finish`, or throws
   * ProviderError, or, when `signal` aborts, throws its reason; in each case the connection is closed.
   */
  stream(request: ProviderRequest, signal: AbortSignal): AsyncIterable<ProviderEvent>
}
