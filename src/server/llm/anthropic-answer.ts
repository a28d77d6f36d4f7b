import type Anthropic from '@anthropic-ai/sdk'
import { readError } from './api-failure.ts'
import { type AnswerReader, ApiStreamError, tokenCount } from './api-provider.ts'
import type { ServerSentEvent } from './event-stream.ts'
import type { FinishReason, ProviderEvent, TokenUsage } from './provider.ts'

const finishReasons: Record<string, FinishReason> = {
  end_turn: 'STOP',
  stop_sequence: 'STOP',
  max_tokens: 'LENGTH',
  refusal: 'REFUSAL',
  model_context_window_exceeded: 'CONTEXT_OVERFLOW',
  pause_turn: 'PAUSE',
  tool_use: 'TOOL_CALLS',
}

/** An event as it comes: JSON that claims to be one. */
type Received = Anthropic.RawMessageStreamEvent | null

type Figures = Partial<Anthropic.Usage> | Partial<Anthropic.MessageDeltaUsage> | null | undefined

/** Reads one answer of Claude's. It is whole after `message_stop`, and only then. */
export class AnthropicReader implements AnswerReader {
  #finished = false
  #reason: FinishReason = 'UNKNOWN'
  readonly #figures: Record<string, number> = {}
  /** Anthropic's index of a block to ours, which counts only blocks with content. */
  readonly #blocks = new Map<number, number>()

  get finished(): boolean {
    return this.#finished
  }

  read({ event, data }: ServerSentEvent): readonly ProviderEvent[] {
    // One without a name says nothing.
    if (event === null || event === 'ping' || data === '') return []
    if (event === 'error') throw new ApiStreamError(readError(data))
    return this.#take(JSON.parse(data) as Received)
  }

  readEnd(): readonly ProviderEvent[] {
    return []
  }

  #take(event: Received): readonly ProviderEvent[] {
    switch (event?.type) {
      case 'message_start':
        return this.#readUsage(event.message?.usage)
      case 'content_block_start':
        return this.#readStart(event)
      case 'content_block_delta':
        return this.#readDelta(event)
      case 'message_delta':
        this.#reason = finishReasons[event.delta?.stop_reason ?? ''] ?? 'UNKNOWN'
        return this.#readUsage(event.usage)
      case 'message_stop':
        this.#finished = true
        return [{ type: 'finish', reason: this.#reason }]
      default:
        return []
    }
  }

  #readStart({ index, content_block: block }: Anthropic.RawContentBlockStartEvent): readonly ProviderEvent[] {
    if (block?.type === 'text') return this.#content('text', index, block.text)
    return block?.type === 'thinking' ? this.#content('reasoning', index, block.thinking) : []
  }

  #readDelta({ index, delta }: Anthropic.RawContentBlockDeltaEvent): readonly ProviderEvent[] {
    if (delta?.type === 'text_delta') return this.#content('text', index, delta.text)
    return delta?.type === 'thinking_delta' ? this.#content('reasoning', index, delta.thinking) : []
  }

  #content(type: 'text' | 'reasoning', index: number, text: unknown): readonly ProviderEvent[] {
    if (typeof text !== 'string' || text === '') return []
    const block = this.#blocks.get(index) ?? this.#blocks.size
    this.#blocks.set(index, block)
    return [{ type, block, text }]
  }

  /** Figures are cumulative: each one replaces the one before, and one that is left out stands. */
  #readUsage(usage: Figures): readonly ProviderEvent[] {
    if (!usage) return []
    for (const [name, value] of Object.entries({ ...usage, ...usage.output_tokens_details })) {
      const count = tokenCount(value)
      if (count !== null) this.#figures[name] = count
    }
    return [{ type: 'usage', usage: toUsage(this.#figures) }]
  }
}

function toUsage(figures: Record<string, number>): TokenUsage {
  const {
    input_tokens: fresh,
    cache_creation_input_tokens: written,
    cache_read_input_tokens: cached,
  } = figures
  return {
    inputTokens: fresh === undefined ? null : fresh + (written ?? 0) + (cached ?? 0),
    outputTokens: figures['output_tokens'] ?? null,
    cachedTokens: cached ?? null,
    cacheWrittenTokens: written ?? null,
    reasoningTokens: figures['thinking_tokens'] ?? null,
    cost: null,
  }
}
