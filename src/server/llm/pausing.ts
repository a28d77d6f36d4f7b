import {
  type ChatProvider,
  type ModelInfo,
  ProviderError,
  type ProviderEvent,
  type ProviderRequest,
} from './provider.ts'

export type PauseOptions = {
  /** Failures in a row, within a minute, after which a provider is not asked for a while. */
  readonly failures: number
  /** Milliseconds of that while. */
  readonly pause: number
}

/** Why something is not asked, and until when. */
export type Pause = { readonly until: Date; readonly error: ProviderError }

const minute = 60_000

/** What a failure says of the provider, rather than of the one request. */
const outages = new Set([
  'PROVIDER_UNREACHABLE',
  'PROVIDER_TIMEOUT',
  'PROVIDER_OVERLOADED',
  'PROVIDER_STALLED',
])

/**
 * A provider that is left alone while it is known to refuse: a model for as long as its rate limit says, and all of them
 * for a while after several failures in a row. Then one request goes ahead, and the others follow when it is answered.
 * What is asked meanwhile fails at once with the error that began the pause, and with the time of its end.
 */
export class PausingProvider implements ChatProvider {
  readonly name: string
  readonly displayName: string
  readonly knownModels: readonly ModelInfo[]
  readonly #provider: ChatProvider
  readonly #options: PauseOptions
  readonly #limited = new Map<string, Pause>()
  #outage: Pause | null = null
  /** When the latest failures in a row were. */
  #failures: readonly number[] = []
  #isProbing = false

  constructor(provider: ChatProvider, options: PauseOptions) {
    this.name = provider.name
    this.displayName = provider.displayName
    this.knownModels = provider.knownModels
    this.#provider = provider
    this.#options = options
  }

  /** Why none of its models is asked; null: they are. */
  get outage(): Pause | null {
    return this.#outage
  }

  listModels(signal: AbortSignal): Promise<readonly ModelInfo[]> {
    return this.#provider.listModels(signal)
  }

  async *stream(
    request: ProviderRequest,
    signal: AbortSignal,
  ): AsyncGenerator<ProviderEvent, void, undefined> {
    const isProbe = this.#enter(request.model)
    let isHeard = false
    try {
      for await (const event of this.#provider.stream(request, signal)) {
        if (!isHeard && event.type !== 'start') this.#noteAnswer(request.model)
        isHeard ||= event.type !== 'start'
        yield event
      }
    } catch (error) {
      if (!isHeard && error instanceof ProviderError) this.#noteFailure(request.model, error)
      throw error
    } finally {
      if (isProbe) this.#isProbing = false
    }
  }

  /** Whether this request is the one that goes ahead. Throws where there is to be none. */
  #enter(model: string): boolean {
    const limit = this.#limited.get(model)
    if (limit && limit.until.getTime() > Date.now()) throw this.#refusal(limit)
    if (!this.#outage) return false
    if (this.#isProbing || this.#outage.until.getTime() > Date.now()) throw this.#refusal(this.#outage)
    this.#isProbing = true
    return true
  }

  #refusal({ until, error }: Pause): ProviderError {
    const message = `${this.displayName} is not asked for a while: ${error.message}`
    return new ProviderError(error.code, message, { retryable: true, retryAt: until, cause: error })
  }

  #noteAnswer(model: string): void {
    this.#limited.delete(model)
    this.#outage = null
    this.#failures = []
  }

  #noteFailure(model: string, error: ProviderError): void {
    if (error.code === 'PROVIDER_RATE_LIMITED' && error.retryable && error.retryAt) {
      this.#limited.set(model, { until: error.retryAt, error })
    }
    if (!outages.has(error.code)) return
    const now = Date.now()
    this.#failures = [...this.#failures.filter((time) => time > now - minute), now]
    if (!this.#outage && this.#failures.length < this.#options.failures) return
    this.#outage = { until: new Date(now + this.#options.pause), error }
  }
}
