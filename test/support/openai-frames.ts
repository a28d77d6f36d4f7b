/** The chunks of OpenAI's chat completions, and of those that speak them, as their APIs write them. */

type Json = Readonly<Record<string, unknown>>

/** One server-sent event. */
function frame(chunk: Json): string {
  return `data: ${JSON.stringify(chunk)}\n\n`
}

/** One chunk. `changes` are of the chunk itself, as `usage` or `error`. */
export function chunkOf(choices: readonly Json[], changes: Json = {}): string {
  return frame({
    id: 'chatcmpl-1',
    object: 'chat.completion.chunk',
    created: 1_795_000_000,
    model: 'gpt-6',
    service_tier: 'default',
    system_fingerprint: null,
    choices,
    usage: null,
    ...changes,
  })
}

/** One chunk with one choice. */
export function delta(value: Json | null, finish: string | null = null, changes: Json = {}): string {
  return chunkOf([{ index: 0, delta: value, logprobs: null, finish_reason: finish }], changes)
}

export const roleDelta: string = delta({ role: 'assistant', content: '', refusal: null })

export function textDelta(content: string): string {
  return delta({ content })
}

/** As DeepSeek writes it; OpenAI itself shows none. */
export function reasoningDelta(text: string): string {
  return delta({ content: null, reasoning_content: text })
}

export function finishDelta(reason: string | null = 'stop'): string {
  return delta({}, reason)
}

export const usage: Json = {
  prompt_tokens: 12,
  completion_tokens: 7,
  total_tokens: 19,
  prompt_tokens_details: { cached_tokens: 0, audio_tokens: 0 },
  completion_tokens_details: { reasoning_tokens: 0, audio_tokens: 0 },
}

/** The last chunk before the end: figures, and no choice. */
export function usageFrame(figures: Json | null = usage): string {
  return chunkOf([], { usage: figures })
}

export const done = 'data: [DONE]\n\n'

/** A whole answer: one delta per piece. */
export function answer(...pieces: string[]): string {
  return [roleDelta, ...pieces.map(textDelta), finishDelta(), usageFrame(), done].join('')
}

/** OpenAI's own form of an error. */
export type OpenAiError = { readonly type: string; readonly code: string | null }

/** The body of an error response. */
export function errorBody({ type, code }: OpenAiError, message = 'Something went wrong upstream'): string {
  return JSON.stringify({ error: { message, type, param: null, code } })
}

/** An error in the middle of a stream. */
export function errorFrame(error: OpenAiError, message?: string): string {
  return `data: ${errorBody(error, message)}\n\n`
}

/** OpenRouter's comment for a model that has not begun. */
export const processing = ': OPENROUTER PROCESSING\n\n'

/** An error in the middle of a stream as OpenRouter writes it. */
export function openRouterErrorFrame(code: number | string, message: string): string {
  return delta({ role: 'assistant', content: '' }, 'error', { provider: 'Acme', error: { code, message } })
}

/** The list of models. */
export function modelList(...models: Json[]): string {
  return JSON.stringify({ object: 'list', data: models })
}

/** A model as OpenAI lists it. */
export function listedModel(id: string, changes: Json = {}): Json {
  return { id, object: 'model', created: 1_780_000_000, owned_by: 'openai', ...changes }
}
