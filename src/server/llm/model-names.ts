import { nearest } from '../edit-distance.ts'
import type { ModelInfo } from './provider.ts'

/** What the makers of models are called in the names that people bring from elsewhere. */
const makers: Record<string, string> = {
  mistral: 'mistralai',
  meta: 'meta-llama',
  google: 'gemini',
  xai: 'x-ai',
}

/**
 * The model that somebody means who names it as it is named elsewhere: `openai/gpt-4-turbo`, `ollama/llama3`,
 * `models/gemini-…`, `Claude-Sonnet-5.5`, or without its maker where no other one has that name. Null: none, or it
 * could be more than one.
 */
export function meantModel(models: readonly ModelInfo[], name: string): ModelInfo | null {
  const wanted = spelling(name)
  const whole = models.find((model) => spellings(model).includes(wanted))
  if (whole) return whole
  const [short, another] = models.filter((model) => withoutMaker(spelling(model.name)) === wanted)
  return another ? null : (short ?? null)
}

/** Exact names of up to three models that are spelled almost like `name`, the likeliest first. */
export function similarNames(models: readonly ModelInfo[], name: string): readonly string[] {
  const byName = new Map(models.flatMap((model) => names(model).map((one) => [spelling(one), model.name])))
  const similar = nearest(spelling(name), [...byName.keys()]).map((one) => byName.get(one)!)
  return [...new Set(similar)].slice(0, 3)
}

function names({ provider, name }: ModelInfo): readonly string[] {
  return [name, `${provider}/${name}`, withoutMaker(name)]
}

function spellings({ provider, name }: ModelInfo): readonly string[] {
  return [spelling(name), spelling(`${provider}/${name}`)]
}

/** One way to write what is written in many. */
function spelling(name: string): string {
  const plain = name.trim().toLowerCase().replaceAll('.', '-')
  return plain
    .replace(/^models\//, '')
    .replace(/:latest$/, '')
    .replace(/^[^/]+(?=\/)/, (maker) => makers[maker] ?? maker)
}

function withoutMaker(name: string): string {
  return name.slice(name.lastIndexOf('/') + 1)
}
