import type OpenAI from 'openai'
import { type ListedModel, writesText } from './openai-models.ts'
import type { Parameters, ReasoningEffort } from './provider.ts'

/** What differs between those who speak OpenAI's chat completions. */
export type Vendor = {
  /** As in `provider:name` of a model. */
  readonly name: string
  readonly label: string
  readonly keySetting: string
  readonly urlSetting: string
  readonly baseUrl: string
  readonly requestIdHeader: string
  /** Whether a model of the listing can be asked. */
  readonly offers: (model: ListedModel) => boolean
  /** Ids of models that come first in its list, where they are in it. */
  readonly preferred: readonly string[]
  /** The parameters that a model takes of which the listing does not say it. */
  readonly takes: (model: string) => ReadonlySet<keyof Parameters>
  /** What a request holds beyond messages. */
  readonly extras: (parameters: Parameters) => Extras
}

type Extras = Partial<OpenAI.ChatCompletionCreateParamsStreaming> & {
  /** OpenRouter. */
  readonly reasoning?: { readonly effort: string }
}

const usual: ReadonlySet<keyof Parameters> = new Set(['temperature', 'topP', 'maxOutputTokens', 'stop'])
const efforts = { LOW: 'low', MEDIUM: 'medium', HIGH: 'high', MAX: 'xhigh' } as const satisfies Record<
  ReasoningEffort,
  OpenAI.ReasoningEffort
>

/** What everybody knows; most of them know `max_completion_tokens` not yet. */
function maxTokens({ maxOutputTokens }: Parameters): Extras {
  return maxOutputTokens === null ? {} : { max_tokens: maxOutputTokens }
}

/** OpenAI's models that think: from the first `o` and from GPT-5 on. They refuse sampling parameters and `stop`. */
const thinks = /^(o\d|gpt-([5-9]|\d\d))/

const openai: Vendor = {
  name: 'openai',
  label: 'OpenAI',
  keySetting: 'OPENAI_API_KEY',
  urlSetting: 'OPENAI_BASE_URL',
  baseUrl: 'https://api.openai.com/v1',
  requestIdHeader: 'x-request-id',
  // Its list holds everything it makes, with no word on what each is for.
  offers: ({ id }) =>
    /^(gpt-|o\d|chatgpt-|ft:)/.test(id) && !/audio|realtime|image|tts|transcribe|instruct|search/.test(id),
  preferred: [],
  takes: (model) => (thinks.test(model) ? new Set(['maxOutputTokens', 'effort']) : usual),
  extras: ({ maxOutputTokens, effort }) => ({
    ...(maxOutputTokens !== null && { max_completion_tokens: maxOutputTokens }),
    ...(effort && { reasoning_effort: efforts[effort] }),
  }),
}

const openrouter: Vendor = {
  name: 'openrouter',
  label: 'OpenRouter',
  keySetting: 'OPENROUTER_API_KEY',
  urlSetting: 'OPENROUTER_BASE_URL',
  baseUrl: 'https://openrouter.ai/api/v1',
  requestIdHeader: 'x-generation-id',
  offers: writesText,
  preferred: ['meta-llama/llama-4-maverick:free', 'openrouter/free'],
  takes: () => usual,
  extras: (parameters) => ({
    ...maxTokens(parameters),
    ...(parameters.effort && { reasoning: { effort: efforts[parameters.effort] } }),
  }),
}

const deepseek: Vendor = {
  name: 'deepseek',
  label: 'DeepSeek',
  keySetting: 'DEEPSEEK_API_KEY',
  urlSetting: 'DEEPSEEK_BASE_URL',
  baseUrl: 'https://api.deepseek.com',
  requestIdHeader: 'x-ds-trace-id',
  offers: () => true,
  preferred: ['deepseek-chat'],
  // The one that thinks takes no sampling parameters.
  takes: (model) => (model.includes('reasoner') ? new Set(['maxOutputTokens', 'stop']) : usual),
  extras: maxTokens,
}

const ollama: Vendor = {
  name: 'ollama',
  label: 'Ollama',
  keySetting: 'OLLAMA_BASE_URL',
  urlSetting: 'OLLAMA_BASE_URL',
  baseUrl: 'http://127.0.0.1:11434/v1',
  requestIdHeader: 'x-request-id',
  // Its list holds makers of vectors as well, and has only their names to tell them by.
  offers: ({ id }) => !/embed|bge-|minilm/.test(id),
  preferred: [],
  takes: () => usual,
  extras: maxTokens,
}

/** Those who speak it, by name. */
export const vendors = { openai, openrouter, deepseek, ollama } as const

/** Anybody else, at an address of the administrator's. */
export function customVendor(words: Pick<Vendor, 'name' | 'label' | 'baseUrl'>): Vendor {
  const setting = `endpoints.${words.name}`
  return {
    ...words,
    keySetting: `${setting}.api_key`,
    urlSetting: `${setting}.base_url`,
    requestIdHeader: 'x-request-id',
    offers: writesText,
    preferred: [],
    takes: () => usual,
    extras: maxTokens,
  }
}
