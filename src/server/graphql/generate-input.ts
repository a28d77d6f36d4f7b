import type { Generate } from '../chat/parameters.ts'
import { builder } from './builder.ts'
import { ReasoningEffort } from './enums.ts'

export const GenerateInput = builder.inputType('GenerateInput', {
  description:
    '`modelId` null: the conversation’s default, then the server’s. A parameter that the model does not take is refused with INVALID, never silently dropped.',
  fields: (t) => ({
    modelId: t.id({
      description: 'Exact provider name first, then global id; unknown: INVALID at `generate.modelId`.',
    }),
    temperature: t.float({ description: 'From 0 to 2, where the model takes it.' }),
    topP: t.float({ description: 'From 0 to 1, where the model takes it.' }),
    maxOutputTokens: t.int({ description: 'Tokens, from 1 to the model’s own limit.' }),
    stop: t.stringList({ description: 'At most 4 texts at which the model stops.' }),
    effort: t.field({
      type: ReasoningEffort,
      description: 'How much it thinks first, where the model takes it.',
    }),
  }),
})

/** The input as the domain takes it; null stays null. */
export function generateOf(input: typeof GenerateInput.$inferInput | null | undefined): Generate | null {
  if (!input) return null
  const {
    modelId = null,
    temperature = null,
    topP = null,
    maxOutputTokens = null,
    stop = null,
    effort = null,
  } = input
  return { modelId, temperature, topP, maxOutputTokens, stop, effort }
}
