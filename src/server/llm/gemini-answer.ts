import type { FinishReason as GeminiFinishReason, GenerateContentResponse } from '@google/genai/web'
import { readError } from './api-failure.ts'
import { type AnswerReader, ApiStreamError, ContentBlocks, tokenCount } from './api-provider.ts'
import type { ServerSentEvent } from './event-stream.ts'
import type { FinishReason, ProviderEvent, TokenUsage } from './provider.ts'

const finishReasons: Partial<Record<`${GeminiFinishReason}`, FinishReason>> = {
  STOP: 'STOP',
  MAX_TOKENS: 'LENGTH',
  CONTINUATION: 'PAUSE',
  SAFETY: 'CONTENT_FILTER',
  RECITATION: 'CONTENT_FILTER',
  BLOCKLIST: 'CONTENT_FILTER',
  PROHIBITED_CONTENT: 'CONTENT_FILTER',
  SPII: 'CONTENT_FILTER',
  LANGUAGE: 'REFUSAL',
}

/** A response as it comes: JSON that claims to be one. */
type Received = Partial<Pick<GenerateContentResponse, 'candidates' | 'promptFeedback' | 'usageMetadata'>> & {
  readonly error?: unknown
}

/** Reads one answer of Gemini's. It is whole with a `finishReason`, or where the prompt was blocked. */
export class GeminiReader implements AnswerReader {
  #finished = false
  readonly #blocks = new ContentBlocks()

  get finished(): boolean {
    return this.#finished
  }

  read({ data }: ServerSentEvent): readonly ProviderEvent[] {
    if (data === '') return []
    const received = JSON.parse(data) as Received | null
    if (received?.error) throw new ApiStreamError(readError(data))
    const candidate = received?.candidates?.[0]
    const parts = candidate?.content?.parts
    const said = (Array.isArray(parts) ? parts : []).flatMap((part) =>
      this.#blocks.content(part?.thought ? 'reasoning' : 'text', part?.text),
    )
    const reason = candidate?.finishReason ?? (received?.promptFeedback?.blockReason && 'SAFETY')
    return [...said, ...readUsage(received?.usageMetadata), ...this.#finish(reason)]
  }

  readEnd(): readonly ProviderEvent[] {
    return []
  }

  #finish(reason: `${GeminiFinishReason}` | undefined): readonly ProviderEvent[] {
    if (!reason) return []
    this.#finished = true
    return [{ type: 'finish', reason: finishReasons[reason] ?? 'UNKNOWN' }]
  }
}

function readUsage(figures: Received['usageMetadata']): readonly ProviderEvent[] {
  return figures ? [{ type: 'usage', usage: toUsage(figures) }] : []
}

/** Google counts thoughts beside the answer; here they are among what was written. */
function toUsage(figures: NonNullable<Received['usageMetadata']>): TokenUsage {
  const said = tokenCount(figures.candidatesTokenCount)
  const thought = tokenCount(figures.thoughtsTokenCount)
  return {
    inputTokens: tokenCount(figures.promptTokenCount),
    outputTokens: said === null && thought === null ? null : (said ?? 0) + (thought ?? 0),
    cachedTokens: tokenCount(figures.cachedContentTokenCount),
    cacheWrittenTokens: null,
    reasoningTokens: thought,
    cost: null,
  }
}
