import { createAnthropic } from '../../src/server/llm/anthropic.ts'
import {
  type ChatProvider,
  type FinishReason,
  type Parameters,
  ProviderError,
  type ProviderRequest,
  type TokenUsage,
} from '../../src/server/llm/provider.ts'
import type { AttemptEvent, RunEvent } from '../../src/server/llm/retry.ts'
import type { ProviderTimers } from '../../src/server/llm/watchdog.ts'

/** Longer than any test takes. */
export const patientTimers: ProviderTimers = {
  providerConnect: 25_000,
  providerFirstByte: 25_000,
  providerFirstContent: 25_000,
  providerByteIdle: 25_000,
  providerContentIdle: 25_000,
  providerTotal: 25_000,
}

export const testKey = 'sk-ant-test-0123456789'

/** Claude at `url`, with patient timers but for those that are named. */
export function claudeAt(url: string, timers: Partial<ProviderTimers> = {}): ChatProvider {
  return createAnthropic({ apiKey: testKey, baseUrl: url, timers: { ...patientTimers, ...timers } })
}

export const noParameters: Parameters = {
  temperature: null,
  topP: null,
  maxOutputTokens: null,
  stop: null,
  effort: null,
}

/** One question to Claude. */
export function question(text = 'Hello', changes: Partial<ProviderRequest> = {}): ProviderRequest {
  return {
    model: 'claude-sonnet-5-5',
    system: null,
    messages: [{ role: 'user', text }],
    parameters: noParameters,
    ...changes,
  }
}

/** Everything that one run said, folded. */
export type Outcome = {
  readonly events: readonly RunEvent[]
  readonly text: string
  readonly reasoning: string
  /** The text of each block, in order. */
  readonly blocks: readonly string[]
  readonly usage: TokenUsage | null
  readonly finish: FinishReason | null
  readonly attempts: readonly AttemptEvent[]
  /** What it threw. */
  readonly error: unknown
}

/** Reads a run to its end, and takes what it throws as part of the outcome. */
export async function outcomeOf(run: AsyncIterable<RunEvent>): Promise<Outcome> {
  const events: RunEvent[] = []
  let error: unknown = null
  try {
    for await (const event of run) events.push(event)
  } catch (thrown) {
    error = thrown
  }
  return fold(events, error)
}

/** Asks once and reads the answer to its end. */
export function ask(provider: ChatProvider, request = question(), signal = new AbortController().signal) {
  return outcomeOf(provider.stream(request, signal))
}

/** The failure of an outcome; throws where it is no failure of a provider. */
export function failureOf({ error }: Outcome): ProviderError {
  if (error instanceof ProviderError) return error
  throw new Error('The run did not fail as a provider does', { cause: error })
}

function fold(events: readonly RunEvent[], error: unknown): Outcome {
  const textOf = (type: 'text' | 'reasoning') =>
    events.map((event) => (event.type === type ? event.text : '')).join('')
  const blocks: string[] = []
  for (const event of events) {
    if (event.type !== 'text' && event.type !== 'reasoning') continue
    blocks[event.block] = (blocks[event.block] ?? '') + event.text
  }
  return {
    events,
    text: textOf('text'),
    reasoning: textOf('reasoning'),
    blocks,
    usage: events.findLast((event) => event.type === 'usage')?.usage ?? null,
    finish: events.findLast((event) => event.type === 'finish')?.reason ?? null,
    attempts: events.filter((event) => event.type === 'attempt'),
    error,
  }
}
