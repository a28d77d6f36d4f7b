import type Anthropic from '@anthropic-ai/sdk'
import { type ListedModel, summarizesThinking } from './anthropic-models.ts'
import type { ProviderRequest, ReasoningEffort } from './provider.ts'

/**
 * Thinking counts towards `max_tokens`, so a small one would end answers before their first word. Every model takes
 * the smaller figure; the larger one goes where the listing says how much a model takes.
 */
const usualMaxTokens = 32_000
const safeMaxTokens = 16_000

const efforts = { LOW: 'low', MEDIUM: 'medium', HIGH: 'high', MAX: 'max' } as const satisfies Record<
  ReasoningEffort,
  Anthropic.OutputConfig['effort']
>

/** The request as Anthropic takes it. `model` is what the latest listing said of it. */
export function toMessageParams(
  { model: name, system, messages, parameters }: ProviderRequest,
  model: ListedModel | null,
): Anthropic.MessageCreateParamsStreaming {
  const { effort, maxOutputTokens, stop } = parameters
  const most = model?.max_tokens ?? null
  return {
    model: name,
    max_tokens: Math.min(maxOutputTokens ?? usualMaxTokens, most ?? maxOutputTokens ?? safeMaxTokens),
    messages: messages.map(({ role, text }) => ({ role, content: text })),
    stream: true,
    // One breakpoint, at the end: the next turn reads the whole conversation from the cache.
    cache_control: { type: 'ephemeral' },
    ...(system !== null && { system }),
    ...(stop && stop.length > 0 && { stop_sequences: [...stop] }),
    ...(effort && { output_config: { effort: efforts[effort] } }),
    ...(model && summarizesThinking(model) && { thinking: { type: 'adaptive', display: 'summarized' } }),
  }
}
