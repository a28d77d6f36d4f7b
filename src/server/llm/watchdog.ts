import { type FailureCode, ProviderError } from './provider.ts'

/** The waits on a provider. Milliseconds. */
export type ProviderTimers = {
  /** DNS, TCP and TLS. */
  readonly providerConnect: number
  /** From the request to the head of the response. */
  readonly providerFirstByte: number
  /** From the request to the first text or reasoning. */
  readonly providerFirstContent: number
  /** Between two bytes of the response. */
  readonly providerByteIdle: number
  /** Between two pieces of content: bytes that say nothing (pings, comments) do not count. */
  readonly providerContentIdle: number
  /** The whole answer. */
  readonly providerTotal: number
}

type TimerName = keyof ProviderTimers
/** `since`: when it was started last. `handle` may fire before its time is over, and is then set again. */
type Timer = { handle: NodeJS.Timeout | null; running: boolean; since: number }

const expiries: Record<TimerName, { code: FailureCode; says: (provider: string, limit: string) => string }> =
  {
    providerConnect: {
      code: 'PROVIDER_UNREACHABLE',
      says: (provider, limit) => `Cannot reach ${provider}: no connection within ${limit}`,
    },
    providerFirstByte: {
      code: 'PROVIDER_TIMEOUT',
      says: (provider, limit) => `${provider} does not answer: nothing came within ${limit}`,
    },
    providerFirstContent: {
      code: 'PROVIDER_TIMEOUT',
      says: (provider, limit) => `${provider} does not answer: no text came within ${limit}`,
    },
    providerByteIdle: {
      code: 'PROVIDER_STALLED',
      says: (provider, limit) => `${provider} stopped answering: nothing came for ${limit}`,
    },
    providerContentIdle: {
      code: 'PROVIDER_STALLED',
      says: (provider, limit) => `${provider} stopped answering: no text came for ${limit}`,
    },
    providerTotal: {
      code: 'PROVIDER_TIMEOUT',
      says: (provider, limit) => `${provider} takes too long: the answer had no end after ${limit}`,
    },
  }

/**
 * Watches one request to a provider: the first thing that goes wrong (a timer that runs out, a connection that
 * fails) becomes its {@link failure} and aborts {@link signal}, and so does nothing that follows from it. The
 * abort of the caller's signal is passed on and is no failure.
 */
export class Watchdog implements Disposable {
  /** What people know the provider as. */
  readonly provider: string
  #failure: ProviderError | null = null
  #complete = false
  readonly #limits: ProviderTimers
  readonly #caller: AbortSignal
  readonly #controller = new AbortController()
  readonly #timers = new Map<TimerName, Timer>()

  constructor(provider: string, limits: ProviderTimers, caller: AbortSignal) {
    this.provider = provider
    this.#limits = limits
    this.#caller = caller
    caller.addEventListener('abort', this.#passAbortOn, { once: true })
  }

  /** Aborted when the request is to end at once, for whatever reason. */
  get signal(): AbortSignal {
    return this.#controller.signal
  }

  get failure(): ProviderError | null {
    return this.#failure
  }

  /** Whether all that was wanted of the response has come: the rest of it may end by itself. */
  get complete(): boolean {
    return this.#complete
  }

  setComplete(): void {
    this.#complete = true
  }

  /** Starts a timer, from zero where it runs. */
  start(name: TimerName): void {
    const timer = this.#timers.get(name) ?? { handle: null, running: true, since: 0 }
    this.#timers.set(name, timer)
    timer.running = true
    timer.since = performance.now()
    // One that is set fires too early, and looks again: setting it anew for every delta would cost more than that.
    timer.handle ??= setTimeout(() => this.#look(name, timer), this.#limits[name])
  }

  stop(...names: TimerName[]): void {
    for (const name of names) {
      const timer = this.#timers.get(name)
      if (timer) timer.running = false
    }
  }

  /** Ends the request with `error`, unless it has ended: returns the failure that counts. */
  fail(error: ProviderError): ProviderError {
    if (this.#controller.signal.aborted) return this.#failure ?? error
    this.#failure = error
    this.#controller.abort(error)
    return error
  }

  /** Ends the watch, and the request with it where it is not complete. */
  [Symbol.dispose](): void {
    if (!this.#complete) this.#controller.abort()
    for (const { handle } of this.#timers.values()) clearTimeout(handle ?? undefined)
    this.#timers.clear()
    this.#caller.removeEventListener('abort', this.#passAbortOn)
  }

  readonly #passAbortOn = () => this.#controller.abort(this.#caller.reason)

  #look(name: TimerName, timer: Timer): void {
    timer.handle = null
    if (!timer.running) return
    const left = timer.since + this.#limits[name] - performance.now()
    if (left > 0) timer.handle = setTimeout(() => this.#look(name, timer), left)
    else this.#expire(name)
  }

  #expire(name: TimerName): void {
    const { code, says } = expiries[name]
    const message = says(this.provider, `${this.#limits[name] / 1000} s`)
    this.fail(new ProviderError(code, message, { retryable: true }))
  }
}
