import { ChatError } from '../errors.ts'
import { fromGlobalId } from '../ids.ts'
import { meantModel, similarNames } from '../llm/model-names.ts'
import type { Models } from '../llm/models.ts'
import { isAvailable, type ModelInfo, modelKey, type Parameters } from '../llm/provider.ts'
import { quoted, requireStorable } from './text.ts'

/** What a caller asks of a generation. `modelId`: an exact provider name or a global id; null: the default. */
export type Generate = Partial<Parameters> & { readonly modelId?: string | null }

/** A generation that can be started. */
export type Plan = { readonly model: string; readonly parameters: Parameters }

/** The model that a caller names: by exact provider name first, then by global id, then as it is named elsewhere. */
export function findModel(models: Models, modelId: string): ModelInfo | null {
  const global = fromGlobalId(modelId)
  const byId = global?.type === 'Model' ? models.find(global.key) : null
  return models.find(modelId) ?? byId ?? meantModel(models.list(), modelId)
}

/** Says of a name that no model has it, and which one may be meant. */
export function unknownModel(models: Models, modelId: string): string {
  const similar = similarNames(models.list(), modelId)
  const advice = similar.length > 0 ? `is it ${similar.join(' or ')}?` : 'see the query `models`'
  return `no model is called ${quoted(modelId)}; ${advice}`
}

/**
 * Checks what is asked against what the model takes. `fallback` is the `provider:name` to use when no model is
 * named; where that is not served any more, or null, the server's default is used. Throws ChatError INVALID or
 * MODEL_UNAVAILABLE with a path below `generate`.
 */
export function requirePlan(models: Models, generate: Generate, fallback: string | null): Plan {
  const model =
    generate.modelId != null
      ? findModel(models, generate.modelId)
      : (servedModel(models, fallback) ?? models.defaultModel())
  if (!model) throw invalid('modelId', unknownModel(models, generate.modelId ?? ''))
  if (!isAvailable(model)) {
    throw new ChatError('MODEL_UNAVAILABLE', `${model.displayName} is not available any more`, [
      'generate',
      'modelId',
    ])
  }
  return { model: modelKey(model), parameters: requireParameters(model, generate) }
}

function servedModel(models: Models, key: string | null): ModelInfo | null {
  const model = key === null ? null : models.find(key)
  return model && isAvailable(model) ? model : null
}

function requireParameters(model: ModelInfo, generate: Generate): Parameters {
  const parameters: Parameters = {
    temperature: generate.temperature ?? null,
    topP: generate.topP ?? null,
    maxOutputTokens: generate.maxOutputTokens ?? null,
    stop: generate.stop ?? null,
    effort: generate.effort ?? null,
  }
  for (const name of Object.keys(parameters) as (keyof Parameters)[]) {
    if (parameters[name] === null) continue
    if (!model.parameters.has(name)) throw invalid(name, `${model.displayName} does not take it`)
    requireInRange(model, name, parameters)
  }
  return parameters
}

const maxStops = 4
const maxStopLength = 200

function requireInRange(model: ModelInfo, name: keyof Parameters, parameters: Parameters): void {
  const { temperature, topP, maxOutputTokens, stop } = parameters
  const most = model.maxOutputTokens ?? 2 ** 31 - 1
  if (name === 'temperature' && !within(temperature, 0, 2))
    throw invalid(name, `${temperature}, it takes 0 to 2`)
  if (name === 'topP' && !within(topP, 0, 1)) throw invalid(name, `${topP}, it takes 0 to 1`)
  if (name === 'maxOutputTokens' && !within(maxOutputTokens, 1, most)) {
    throw invalid(name, `${maxOutputTokens}, ${model.displayName} takes 1 to ${most}`)
  }
  if (name === 'stop') {
    if (stop!.length > maxStops) throw invalid(name, `${stop!.length} texts, it takes up to ${maxStops}`)
    for (const text of stop!) requireStop(text)
  }
}

function requireStop(text: string): void {
  if (text.trim() === '') throw invalid('stop', 'a text is empty or only white space')
  try {
    requireStorable(text, 'stop', maxStopLength)
  } catch (error) {
    throw error instanceof ChatError ? new ChatError(error.code, error.message, ['generate', 'stop']) : error
  }
}

function within(value: number | null, low: number, high: number): boolean {
  return value !== null && value >= low && value <= high
}

function invalid(name: string, problem: string): ChatError {
  return new ChatError('INVALID', `Cannot generate with this ${name}: ${problem}`, ['generate', name])
}
