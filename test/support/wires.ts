import { createAnthropic } from '../../src/server/llm/anthropic.ts'
import { createGemini } from '../../src/server/llm/gemini.ts'
import { createOpenAi } from '../../src/server/llm/openai.ts'
import { type Vendor, vendors } from '../../src/server/llm/openai-vendors.ts'
import type { ChatProvider, ProviderRequest } from '../../src/server/llm/provider.ts'
import type { ProviderTimers } from '../../src/server/llm/watchdog.ts'
import * as claude from './anthropic-frames.ts'
import * as google from './gemini-frames.ts'
import { patientTimers, question, testKey } from './llm.ts'
import * as chat from './openai-frames.ts'

/** What goes wrong with a request, whatever an API calls it. */
export type Trouble =
  | 'auth'
  | 'permission'
  | 'notFound'
  | 'tooLong'
  | 'invalid'
  | 'rateLimit'
  | 'internal'
  | 'timeout'
  | 'overloaded'

/** One API: how it is asked, and how it says what every API says. */
export type Wire = {
  /** Of its provider, as `anthropic`. */
  readonly name: string
  /** How people know it. */
  readonly label: string
  readonly keySetting: string
  readonly urlSetting: string
  /** Path and query of {@link question}. */
  readonly path: string
  /** The provider at `url`, with patient timers but for those that are named. */
  at(url: string, timers?: Partial<ProviderTimers>, apiKey?: string): ChatProvider
  /** One question to a model of this API's. */
  question(text?: string, changes?: Partial<ProviderRequest>): ProviderRequest
  /** What comes before the first delta of an answer that begins with this. */
  begin(kind?: 'text' | 'reasoning'): string
  text(text: string): string
  reasoning(text: string): string
  /** All that follows the last delta of text. Says 12 tokens in, 7 out. */
  finish(reason?: 'STOP' | 'LENGTH'): string
  /** A whole answer: one delta per piece. */
  answer(...pieces: string[]): string
  /** A whole answer by a model that thinks first. */
  thoughtfulAnswer(thought: string, text: string): string
  /** Bytes that say nothing. */
  readonly ping: string
  /** An error response. */
  error(trouble: Trouble, message?: string): { readonly status: number; readonly body: string }
  /** An error in the middle of a stream. */
  errorFrame(trouble: Trouble, message?: string): string
}

/** Claude. */
export const anthropic: Wire = {
  name: 'anthropic',
  label: 'Anthropic',
  keySetting: 'ANTHROPIC_API_KEY',
  urlSetting: 'ANTHROPIC_BASE_URL',
  path: '/v1/messages',
  at: (url, timers, apiKey = testKey) =>
    createAnthropic({ apiKey, baseUrl: url, timers: { ...patientTimers, ...timers } }),
  question,
  begin: (kind = 'text') =>
    claude.messageStart() + (kind === 'text' ? claude.textStart() : claude.thinkingStart()),
  text: (text) => claude.textDelta(text),
  reasoning: (text) => claude.thinkingDelta(text),
  finish: (reason = 'STOP') => {
    const stopReason = reason === 'STOP' ? 'end_turn' : 'max_tokens'
    return claude.blockStop() + claude.messageDelta(stopReason) + claude.messageStop
  },
  answer: claude.answer,
  thoughtfulAnswer: (thought, text) =>
    [
      claude.messageStart(),
      claude.thinkingStart(0) + claude.thinkingDelta(thought, 0) + claude.blockStop(0),
      claude.textStart(1) + claude.textDelta(text, 1) + claude.blockStop(1),
      claude.messageDelta() + claude.messageStop,
    ].join(''),
  ping: claude.ping,
  error: (trouble, message) => {
    const { status, type } = anthropicErrors[trouble]
    return { status, body: claude.errorBody(type, message) }
  },
  errorFrame: (trouble, message) => claude.errorFrame(anthropicErrors[trouble].type, message),
}

const anthropicErrors: Record<Trouble, { status: number; type: string }> = {
  auth: { status: 401, type: 'authentication_error' },
  permission: { status: 403, type: 'permission_error' },
  notFound: { status: 404, type: 'not_found_error' },
  tooLong: { status: 413, type: 'request_too_large' },
  invalid: { status: 400, type: 'invalid_request_error' },
  rateLimit: { status: 429, type: 'rate_limit_error' },
  internal: { status: 500, type: 'api_error' },
  timeout: { status: 504, type: 'timeout_error' },
  overloaded: { status: 529, type: 'overloaded_error' },
}

/** One of those who speak OpenAI's chat completions, at `url`. */
export function vendorAt(
  vendor: Vendor,
  url: string,
  timers: Partial<ProviderTimers> = {},
  apiKey: string | null = testKey,
): ChatProvider {
  return createOpenAi({ vendor, apiKey, baseUrl: `${url}/v1`, timers: { ...patientTimers, ...timers } })
}

/** OpenAI, with DeepSeek's way to show what a model thinks. */
export const openai: Wire = {
  name: 'openai',
  label: 'OpenAI',
  keySetting: 'OPENAI_API_KEY',
  urlSetting: 'OPENAI_BASE_URL',
  path: '/v1/chat/completions',
  at: (url, timers, apiKey) => vendorAt(vendors.openai, url, timers, apiKey),
  question: (text, changes) => question(text, { model: 'gpt-6', ...changes }),
  begin: () => chat.roleDelta,
  text: chat.textDelta,
  reasoning: chat.reasoningDelta,
  finish: (reason = 'STOP') => chat.finishDelta(reason.toLowerCase()) + chat.usageFrame() + chat.done,
  answer: chat.answer,
  thoughtfulAnswer: (thought, text) =>
    [
      chat.roleDelta,
      chat.reasoningDelta(thought),
      chat.textDelta(text),
      chat.finishDelta(),
      chat.usageFrame(),
      chat.done,
    ].join(''),
  ping: ': keep-alive\n\n',
  error: (trouble, message) => {
    const { status, ...error } = openAiErrors[trouble]
    return { status, body: chat.errorBody(error, message) }
  },
  errorFrame: (trouble, message) => chat.errorFrame(openAiErrors[trouble], message),
}

const openAiErrors: Record<Trouble, chat.OpenAiError & { readonly status: number }> = {
  auth: { status: 401, type: 'invalid_request_error', code: 'invalid_api_key' },
  permission: { status: 403, type: 'invalid_request_error', code: null },
  notFound: { status: 404, type: 'invalid_request_error', code: 'model_not_found' },
  tooLong: { status: 400, type: 'invalid_request_error', code: 'context_length_exceeded' },
  invalid: { status: 400, type: 'invalid_request_error', code: null },
  rateLimit: { status: 429, type: 'requests', code: 'rate_limit_exceeded' },
  internal: { status: 500, type: 'server_error', code: null },
  timeout: { status: 504, type: 'timeout_error', code: null },
  overloaded: { status: 503, type: 'overloaded_error', code: null },
}

/** Gemini. */
export const gemini: Wire = {
  name: 'gemini',
  label: 'Google',
  keySetting: 'GEMINI_API_KEY',
  urlSetting: 'GEMINI_BASE_URL',
  path: '/v1beta/models/gemini-4-flash:streamGenerateContent?alt=sse',
  at: (url, timers, apiKey = testKey) =>
    createGemini({ apiKey, baseUrl: url, timers: { ...patientTimers, ...timers } }),
  question: (text, changes) => question(text, { model: 'gemini-4-flash', ...changes }),
  begin: () => '',
  text: google.text,
  reasoning: google.thought,
  finish: (reason = 'STOP') => google.finish(reason === 'STOP' ? 'STOP' : 'MAX_TOKENS'),
  answer: google.answer,
  thoughtfulAnswer: (thought, text) => google.thought(thought) + google.text(text) + google.finish(),
  ping: ': ping\r\n\r\n',
  error: (trouble, message) => ({
    status: geminiErrors[trouble].code,
    body: google.errorBody(geminiErrors[trouble], message),
  }),
  errorFrame: (trouble, message) => google.errorFrame(geminiErrors[trouble], message),
}

const errorInfo = { '@type': 'type.googleapis.com/google.rpc.ErrorInfo', domain: 'googleapis.com' }

const geminiErrors: Record<Trouble, google.GeminiError> = {
  auth: { code: 400, status: 'INVALID_ARGUMENT', details: [{ ...errorInfo, reason: 'API_KEY_INVALID' }] },
  permission: { code: 403, status: 'PERMISSION_DENIED' },
  notFound: { code: 404, status: 'NOT_FOUND' },
  tooLong: { code: 413, status: 'INVALID_ARGUMENT' },
  invalid: { code: 400, status: 'INVALID_ARGUMENT' },
  rateLimit: { code: 429, status: 'RESOURCE_EXHAUSTED' },
  internal: { code: 500, status: 'INTERNAL' },
  timeout: { code: 504, status: 'DEADLINE_EXCEEDED' },
  overloaded: { code: 503, status: 'UNAVAILABLE' },
}

/** Every API that a provider speaks. */
export const wires: readonly Wire[] = [anthropic, openai, gemini]
