import type { Generation, Usage } from '../chat/generations.ts'
import { builder } from './builder.ts'

export const UsageRef = builder.objectRef<Usage>('Usage').implement({
  description: 'What a run used, or several together. Unknown is null, never 0.',
  fields: (t) => ({
    inputTokens: t.exposeInt('input_tokens', {
      nullable: true,
      description: 'Tokens read, those from a cache among them.',
    }),
    outputTokens: t.exposeInt('output_tokens', {
      nullable: true,
      description: 'Tokens written, those of thinking among them.',
    }),
    cachedTokens: t.exposeInt('cached_tokens', {
      nullable: true,
      description: 'Of the tokens read, those from a cache.',
    }),
    reasoningTokens: t.exposeInt('reasoning_tokens', {
      nullable: true,
      description: 'Of the tokens written, those of thinking.',
    }),
    cost: t.field({
      type: 'Decimal',
      nullable: true,
      description: 'US dollars; null: unknown.',
      resolve: () => null,
    }),
    estimated: t.exposeBoolean('usage_estimated', {
      description: 'True where the provider did not report the figures, as after a cancel.',
    }),
  }),
})

/** Known once the run has ended. */
export function usageOf(generation: Generation | null): Generation | null {
  return generation?.finished_at ? generation : null
}
