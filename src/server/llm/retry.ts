import { setTimeout as sleep } from 'node:timers/promises'
import { cleanText } from './clean-text.ts'
import { type ChatProvider, ProviderError, type ProviderEvent, type ProviderRequest } from './provider.ts'

/**
 * The try before `attempt` failed with `error`, and another one follows: what was yielded before (never content)
 * no longer counts.
 */
export type AttemptEvent = {
  readonly type: 'attempt'
  readonly attempt: number
  readonly error: ProviderError
}

export type RunEvent = ProviderEvent | AttemptEvent

export type RetryOptions = {
  /** Milliseconds from the first try within which another one may begin. */
  readonly retryBudget: number
  /** The first wait, in milliseconds; doubles, with full jitter. */
  readonly retryBase: number
  readonly signal: AbortSignal
}

const maxAttempts = 3

/**
 * Runs a model, up to three times while it has not said anything: the only place that retries, and the one place
 * through which every provider's text passes to be made storable.
 *
 * A provider's `retryAt` is honoured where it lies within the budget; where it does not, its failure is thrown at
 * once. Once text or reasoning was yielded there is no other try. Ends and throws as {@link ChatProvider.stream}
 * does.
 */
export async function* withRetries(
  provider: ChatProvider,
  request: ProviderRequest,
  options: RetryOptions,
): AsyncGenerator<RunEvent, void, undefined> {
  const deadline = performance.now() + options.retryBudget
  for (let attempt = 1; ; attempt += 1) {
    const clean = cleanText()
    let hasContent = false
    try {
      for await (const event of provider.stream(request, options.signal)) {
        for (const cleaned of clean(event)) {
          hasContent ||= cleaned.type === 'text' || cleaned.type === 'reasoning'
          yield cleaned
        }
      }
      return
    } catch (error) {
      const wait = hasContent || attempt === maxAttempts ? null : waitAfter(error, attempt, deadline, options)
      if (wait === null || !(error instanceof ProviderError)) throw error
      yield { type: 'attempt', attempt: attempt + 1, error }
      await sleep(wait, undefined, { signal: options.signal }).catch(() => options.signal.throwIfAborted())
    }
  }
}

/** Milliseconds until the next try may begin; null: there is none. */
function waitAfter(error: unknown, attempt: number, deadline: number, options: RetryOptions): number | null {
  if (!(error instanceof ProviderError) || !error.retryable) return null
  const ceiling = options.retryBase * 2 ** (attempt - 1)
  const jittered = Math.random() * ceiling
  const asked = error.retryAt ? error.retryAt.getTime() - Date.now() : 0
  const wait = Math.max(jittered, asked)
  return performance.now() + wait < deadline ? wait : null
}
