import { tokenCount } from './api-provider.ts'
import { type Prices, perMillion } from './prices.ts'
import type { ModelCapability, ModelInfo, Parameters } from './provider.ts'

/** A model as one of the many that speak this API lists it; only its id is sure. */
export type ListedModel = {
  readonly id: string
  /** Seconds since the epoch. */
  readonly created?: number | null
  /** OpenAI. */
  readonly shutdown_date?: string | null
  /** OpenRouter. */
  readonly expiration_date?: string | null
  readonly pricing?: Readonly<Record<string, unknown>> | null
  readonly name?: string | null
  readonly context_length?: number | null
  readonly top_provider?: { readonly max_completion_tokens?: number | null } | null
  readonly architecture?: {
    readonly input_modalities?: readonly string[] | null
    readonly output_modalities?: readonly string[] | null
  } | null
  readonly supported_parameters?: readonly string[] | null
  /** vLLM. */
  readonly max_model_len?: number | null
  /** llama.cpp. */
  readonly meta?: { readonly n_ctx?: number | null; readonly n_ctx_train?: number | null } | null
}

const namesOfParameters: Record<keyof Parameters, readonly string[]> = {
  temperature: ['temperature'],
  topP: ['top_p'],
  maxOutputTokens: ['max_tokens', 'max_completion_tokens'],
  stop: ['stop'],
  effort: ['reasoning_effort', 'reasoning'],
}

const namesOfCapabilities: Record<Exclude<ModelCapability, 'VISION'>, readonly string[]> = {
  TOOLS: ['tools'],
  REASONING: ['reasoning', 'include_reasoning', 'reasoning_effort'],
  JSON_MODE: ['structured_outputs', 'response_format'],
}

/** What a listing says of a model; where it does not say which parameters it takes, `usual` are those. */
export function toModelInfo(
  provider: string,
  model: ListedModel,
  usual: ReadonlySet<keyof Parameters>,
): ModelInfo {
  const { id, name, created, supported_parameters: supported } = model
  const retiresAt = dateOf(model.shutdown_date ?? model.expiration_date)
  return {
    provider,
    name: id,
    displayName: name || id,
    contextWindow: windowOf(model),
    maxOutputTokens: positive(model.top_provider?.max_completion_tokens),
    capabilities: capabilitiesOf(model),
    parameters: supported ? new Set(named(namesOfParameters, supported)) : usual,
    lifecycle: retiresAt ? (retiresAt.getTime() < Date.now() ? 'RETIRED' : 'DEPRECATED') : 'ACTIVE',
    retiresAt,
    prices: pricesOf(model),
    createdAt: created ? dateOf(created * 1_000) : null,
  }
}

/** Whether it is a model at all: a list may hold anything. */
export function isModel(model: Partial<ListedModel> | null): model is ListedModel {
  return typeof model?.id === 'string' && model.id !== ''
}

/** Whether it answers with text: the listings of gateways hold makers of images and of vectors as well. */
export function writesText({ architecture }: ListedModel): boolean {
  return architecture?.output_modalities?.includes('text') ?? true
}

function windowOf({ context_length, max_model_len, meta }: ListedModel): number | null {
  return (
    positive(context_length) ??
    positive(max_model_len) ??
    positive(meta?.n_ctx) ??
    positive(meta?.n_ctx_train)
  )
}

function dateOf(value: string | number | null | undefined): Date | null {
  const date = new Date(value ?? Number.NaN)
  return Number.isNaN(date.getTime()) ? null : date
}

function pricesOf({ pricing }: ListedModel): Prices | null {
  if (!pricing) return null
  return {
    input: perMillion(pricing['prompt']),
    output: perMillion(pricing['completion']),
    cacheRead: perMillion(pricing['input_cache_read']),
    cacheWrite: perMillion(pricing['input_cache_write']),
  }
}

function positive(value: unknown): number | null {
  return tokenCount(value) || null
}

function capabilitiesOf({ architecture, supported_parameters: supported }: ListedModel): ModelCapability[] {
  const taken: ModelCapability[] = named(namesOfCapabilities, supported ?? [])
  return architecture?.input_modalities?.includes('image') ? ['VISION', ...taken] : taken
}

/** The keys of which one of the names is supported. */
function named<Name extends string>(
  names: Record<Name, readonly string[]>,
  supported: readonly string[],
): Name[] {
  const keys = Object.keys(names) as Name[]
  return keys.filter((key) => names[key].some((name) => supported.includes(name)))
}
