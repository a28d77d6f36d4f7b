import { readError } from './api-failure.ts'
import { type AnswerReader, ApiStreamError, ContentBlocks, tokenCount } from './api-provider.ts'
import type { ServerSentEvent } from './event-stream.ts'
import type { FinishReason, ProviderEvent, TokenUsage } from './provider.ts'

const finishReasons: Record<string, FinishReason> = {
  stop: 'STOP',
  length: 'LENGTH',
  tool_calls: 'TOOL_CALLS',
  function_call: 'TOOL_CALLS',
  content_filter: 'CONTENT_FILTER',
}

/** A chunk as it comes: JSON of whoever speaks this API, with any part of it missing or null. */
type Chunk = {
  readonly error?: unknown
  readonly choices?: readonly (Choice | null)[]
  readonly usage?: Usage | null
}

type Choice = {
  readonly delta?: Delta | null
  readonly finish_reason?: unknown
  /** OpenRouter, where not the whole chunk is one. */
  readonly error?: unknown
}

type Delta = {
  readonly content?: unknown
  readonly refusal?: unknown
  /** OpenRouter, Ollama, newer vLLM. */
  readonly reasoning?: unknown
  /** DeepSeek, older vLLM, llama.cpp. */
  readonly reasoning_content?: unknown
  /** OpenRouter, where the other two are not given. */
  readonly reasoning_details?: unknown
}

type Usage = {
  readonly prompt_tokens?: unknown
  readonly completion_tokens?: unknown
  readonly prompt_tokens_details?: {
    readonly cached_tokens?: unknown
    /** OpenRouter. */
    readonly cache_write_tokens?: unknown
  } | null
  /** DeepSeek. */
  readonly prompt_cache_hit_tokens?: unknown
  readonly completion_tokens_details?: { readonly reasoning_tokens?: unknown } | null
  /** OpenRouter: US dollars. */
  readonly cost?: unknown
}

/**
 * Reads one streamed chat completion. It is whole after `[DONE]`, and also where only that is missing: with a
 * `finish_reason` all of the text has come, and what may follow are its figures.
 */
export class OpenAiReader implements AnswerReader {
  #finished = false
  #reason: FinishReason | null = null
  #hasBegun = false
  #refuses = false
  readonly #blocks = new ContentBlocks()

  get finished(): boolean {
    return this.#finished
  }

  read({ data }: ServerSentEvent): readonly ProviderEvent[] {
    if (data === '') return []
    if (data.trim() === '[DONE]') return this.#finish(this.#hasBegun ? 'UNKNOWN' : null)
    const chunk = JSON.parse(data) as Chunk | null
    const choice = chunk?.choices?.[0]
    if (chunk?.error) throw new ApiStreamError(readError(data))
    if (choice?.error || choice?.finish_reason === 'error') {
      throw new ApiStreamError(readError(JSON.stringify(choice)))
    }
    return [...this.#readChoice(choice), ...readUsage(chunk?.usage)]
  }

  readEnd(): readonly ProviderEvent[] {
    return this.#finish(null)
  }

  #finish(otherwise: FinishReason | null): readonly ProviderEvent[] {
    const reason = this.#reason ?? otherwise
    if (reason === null) return []
    this.#finished = true
    return [{ type: 'finish', reason }]
  }

  #readChoice(choice: Choice | null | undefined): readonly ProviderEvent[] {
    if (!choice) return []
    this.#hasBegun = true
    // A last chunk that is sent twice would say its text twice.
    if (this.#reason !== null) return []
    const { delta, finish_reason: finish } = choice
    this.#refuses ||= Boolean(delta?.refusal)
    if (typeof finish === 'string' && finish !== '') this.#reason = this.#meaningOf(finish)
    if (!delta) return []
    return [
      ...this.#blocks.content('reasoning', reasoningIn(delta)),
      ...this.#blocks.content('text', delta.content),
      ...this.#blocks.content('text', delta.refusal),
    ]
  }

  /** OpenAI says `stop` after the words of a refusal as well. */
  #meaningOf(finish: string): FinishReason {
    return this.#refuses ? 'REFUSAL' : (finishReasons[finish] ?? 'UNKNOWN')
  }
}

/** What the model thinks, under the first of the names in use: some say it under two of them. */
function reasoningIn({ reasoning, reasoning_content: content, reasoning_details: details }: Delta): unknown {
  if (typeof reasoning === 'string' && reasoning !== '') return reasoning
  if (typeof content === 'string' && content !== '') return content
  if (!Array.isArray(details)) return null
  const texts = details.map((one: { text?: unknown; summary?: unknown } | null) => one?.text ?? one?.summary)
  return texts.filter((text) => typeof text === 'string').join('')
}

function readUsage(usage: Usage | null | undefined): readonly ProviderEvent[] {
  return usage ? [{ type: 'usage', usage: toUsage(usage) }] : []
}

function toUsage(usage: Usage): TokenUsage {
  return {
    inputTokens: tokenCount(usage.prompt_tokens),
    outputTokens: tokenCount(usage.completion_tokens),
    cachedTokens:
      tokenCount(usage.prompt_tokens_details?.cached_tokens) ?? tokenCount(usage.prompt_cache_hit_tokens),
    cacheWrittenTokens: tokenCount(usage.prompt_tokens_details?.cache_write_tokens),
    reasoningTokens: tokenCount(usage.completion_tokens_details?.reasoning_tokens),
    cost: decimalOf(usage.cost),
  }
}

/** A cost as a decimal without an exponent, to a millionth of a millionth; null for what is none. */
function decimalOf(cost: unknown): string | null {
  if (typeof cost !== 'number' || cost < 0 || cost > 1e9) return null
  return cost.toFixed(12).replace(/\.?0+$/, '')
}
