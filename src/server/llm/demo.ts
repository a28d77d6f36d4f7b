import { setTimeout as sleep } from 'node:timers/promises'
import { demoAnswer } from './demo-answer.ts'
import {
  type ChatProvider,
  type FinishReason,
  type ModelInfo,
  noTokenUsage,
  type ProviderEvent,
  type ProviderRequest,
} from './provider.ts'

export type DemoOptions = {
  /** 0: as fast as it is read. */
  readonly tokensPerSecond: number
}

const demoModel: ModelInfo = {
  provider: 'demo',
  name: 'demo',
  displayName: 'Demo (no model connected)',
  contextWindow: null,
  maxOutputTokens: null,
  capabilities: [],
  parameters: new Set(['maxOutputTokens', 'stop']),
  lifecycle: 'ACTIVE',
  retiresAt: null,
  prices: null,
  createdAt: null,
}

/** A stand-in that needs no key: it streams an answer of its own, always the same one to the same message. */
export function createDemo({ tokensPerSecond }: DemoOptions): ChatProvider {
  return {
    name: demoModel.provider,
    displayName: 'Demo',
    knownModels: [demoModel],
    listModels: async () => [demoModel],
    stream: (request, signal) => streamDemo(request, tokensPerSecond, signal),
  }
}

async function* streamDemo(
  request: ProviderRequest,
  tokensPerSecond: number,
  signal: AbortSignal,
): AsyncGenerator<ProviderEvent, void, undefined> {
  const { tokens, reason } = answerTo(request)
  const inputTokens = request.messages.reduce((sum, message) => sum + tokensOf(message.text).length, 0)
  const started = performance.now()
  signal.throwIfAborted()
  yield { type: 'start', requestId: null }
  for (const [index, text] of tokens.entries()) {
    if (tokensPerSecond > 0) await until(started + ((index + 1) * 1_000) / tokensPerSecond, signal)
    signal.throwIfAborted()
    yield { type: 'text', block: 0, text }
  }
  const usage = { ...noTokenUsage, inputTokens, outputTokens: tokens.length }
  yield { type: 'usage', usage }
  yield { type: 'finish', reason }
}

/** The answer as far as the request's parameters let it come. */
function answerTo({ messages, parameters }: ProviderRequest): { tokens: string[]; reason: FinishReason } {
  const whole = demoAnswer(messages.at(-1)?.text ?? '')
  const stops = (parameters.stop ?? []).map((stop) => whole.indexOf(stop)).filter((index) => index >= 0)
  const tokens = tokensOf(whole.slice(0, Math.min(whole.length, ...stops)))
  const limit = parameters.maxOutputTokens ?? Number.POSITIVE_INFINITY
  return tokens.length > limit
    ? { tokens: tokens.slice(0, limit), reason: 'LENGTH' }
    : { tokens, reason: 'STOP' }
}

/** Pieces about as long as a model's tokens, never in the middle of a code point. */
function tokensOf(text: string): string[] {
  return text.match(/\s*[\p{L}\p{N}]{1,7}|\s*[^\s\p{L}\p{N}]{1,4}|\s+/gu) ?? []
}

/** Waits until a time of the clock, so that late timers do not add up; throws the signal's reason. */
async function until(time: number, signal: AbortSignal): Promise<void> {
  const wait = time - performance.now()
  if (wait > 0) await sleep(wait, undefined, { signal }).catch(() => signal.throwIfAborted())
}
