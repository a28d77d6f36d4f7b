/** The responses of Gemini's event stream, and its list of models, as Google's API writes them. */

type Json = Readonly<Record<string, unknown>>

/** One server-sent event. Google ends its lines with CR and LF. */
export function frame(response: Json): string {
  return `data: ${JSON.stringify(response)}\r\n\r\n`
}

export const usage: Json = {
  promptTokenCount: 12,
  candidatesTokenCount: 7,
  totalTokenCount: 19,
  promptTokensDetails: [{ modality: 'TEXT', tokenCount: 12 }],
}

/** One response with one candidate. `changes` are of the candidate, as `finishReason`. */
export function parts(content: readonly Json[], changes: Json = {}, figures: Json | null = usage): string {
  return frame({
    candidates: [{ content: { parts: content, role: 'model' }, index: 0, ...changes }],
    ...(figures && { usageMetadata: figures }),
    modelVersion: 'gemini-4-flash',
    responseId: 'aBcD',
  })
}

export function text(text: string): string {
  return parts([{ text }])
}

export function thought(text: string): string {
  return parts([{ text, thought: true }])
}

/** The last response: nothing more is said. */
export function finish(finishReason = 'STOP', figures: Json | null = usage): string {
  return parts([{ text: '' }], { finishReason }, figures)
}

/** A whole answer: one response per piece. */
export function answer(...pieces: string[]): string {
  return [...pieces.map(text), finish()].join('')
}

/** The answer to a prompt that Google does not let pass. */
export function blocked(blockReason: string): string {
  return frame({
    promptFeedback: { blockReason },
    usageMetadata: { promptTokenCount: 12, totalTokenCount: 12 },
    modelVersion: 'gemini-4-flash',
  })
}

export type GeminiError = {
  readonly code: number
  readonly status: string
  readonly details?: readonly Json[]
}

/** The body of an error response. */
export function errorBody(error: GeminiError, message = 'Something went wrong upstream'): string {
  const { code, status, details } = error
  return JSON.stringify({ error: { code, message, status, ...(details && { details }) } }, null, 2)
}

/** An error in the middle of a stream. */
export function errorFrame(error: GeminiError, message?: string): string {
  return frame(JSON.parse(errorBody(error, message)) as Json)
}

/** A model as Google lists it. */
export function listedModel(id: string, changes: Json = {}): Json {
  return {
    name: `models/${id}`,
    version: '001',
    displayName: id,
    description: 'A model',
    inputTokenLimit: 1_048_576,
    outputTokenLimit: 65_536,
    supportedGenerationMethods: ['generateContent', 'countTokens', 'createCachedContent'],
    temperature: 1,
    topP: 0.95,
    topK: 64,
    maxTemperature: 2,
    thinking: true,
    ...changes,
  }
}

/** One page of the list of models. */
export function modelPage(models: readonly Json[], nextPageToken?: string): string {
  return JSON.stringify({ models, ...(nextPageToken && { nextPageToken }) })
}
