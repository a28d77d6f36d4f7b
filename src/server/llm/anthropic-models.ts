import type Anthropic from '@anthropic-ai/sdk'
import known from './known-claude-models.json' with { type: 'json' }
import type { ModelCapability, ModelInfo, ModelLifecycle, Parameters } from './provider.ts'

export const anthropicName = 'anthropic'

/** A model as listed; what the SDK promises of it, a gateway between may leave out. */
export type ListedModel = Pick<Anthropic.ModelInfo, 'id'> & Partial<Anthropic.ModelInfo>

const lifecycles: Record<string, ModelLifecycle> = {
  active: 'ACTIVE',
  deprecated: 'DEPRECATED',
  retired: 'RETIRED',
}

/** What serves until the listing arrives: names, and nothing that could have changed since they were written down. */
export const knownClaudeModels: readonly ModelInfo[] = known.models.map(({ id, displayName }) =>
  toModelInfo({ id, display_name: displayName }),
)

/** The models, the one for people who choose none first: the newest active Sonnet, else the newest active one. */
export function toModelInfos(listed: readonly ListedModel[]): readonly ModelInfo[] {
  const newestFirst = listed.toSorted((one, other) => releasedAt(other) - releasedAt(one))
  const active = newestFirst.filter((model) => (model.lifecycle ?? 'active') === 'active')
  const choice = active.find((model) => model.line === 'sonnet') ?? active[0]
  const others = newestFirst.filter((model) => model !== choice)
  return [...(choice ? [choice] : []), ...others].map(toModelInfo)
}

/** Whether the model decides itself how much to think, and can be asked to show a summary of it. */
export function summarizesThinking(model: ListedModel): boolean {
  return model.capabilities?.thinking?.types?.adaptive?.supported ?? false
}

function toModelInfo(model: ListedModel): ModelInfo {
  const released = releasedAt(model)
  return {
    provider: anthropicName,
    name: model.id,
    displayName: model.display_name ?? model.id,
    contextWindow: model.max_input_tokens ?? null,
    maxOutputTokens: model.max_tokens ?? null,
    capabilities: capabilitiesOf(model),
    parameters: parametersOf(model),
    lifecycle: lifecycles[model.lifecycle ?? 'active'] ?? 'ACTIVE',
    retiresAt: model.retires_at ? new Date(model.retires_at) : null,
    prices: null,
    createdAt: released > 0 ? new Date(released) : null,
  }
}

/** Milliseconds since the epoch; 0 where nobody knows, as Anthropic writes it. */
function releasedAt(model: ListedModel): number {
  return Date.parse(model.created_at ?? '') || 0
}

function capabilitiesOf({ capabilities }: ListedModel): readonly ModelCapability[] {
  // Every Claude takes tools: the listing has no word for it.
  const taken: ModelCapability[] = ['TOOLS']
  if (capabilities?.image_input?.supported) taken.push('VISION')
  if (capabilities?.thinking?.supported) taken.push('REASONING')
  if (capabilities?.structured_outputs?.supported) taken.push('JSON_MODE')
  return taken
}

/** Never a sampling parameter: Claude refuses them. `effort` only where every level of ours is taken. */
function parametersOf({ capabilities }: ListedModel): ReadonlySet<keyof Parameters> {
  const effort = capabilities?.effort
  const levels = [effort?.low, effort?.medium, effort?.high, effort?.max]
  const takesEffort = effort?.supported && levels.every((level) => level?.supported)
  return new Set(['maxOutputTokens', 'stop', ...(takesEffort ? (['effort'] as const) : [])])
}
