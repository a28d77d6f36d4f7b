import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from '../log.ts'
import { type PauseOptions, PausingProvider } from './pausing.ts'
import { type ChatProvider, isAvailable, type ModelInfo, modelKey } from './provider.ts'

export type ProviderHealth = {
  /** For people. */
  readonly displayName: string
  readonly healthy: boolean
  /** Why it is not; null where it is, or where nobody knows yet. */
  readonly reason: string | null
  /** When it last listed its models; null: it never did. */
  readonly listedAt: Date | null
}

/** All models of all providers, kept up to date in the background. Every read answers at once. */
export interface Models {
  /** In order of the providers, each in its own order: the last resort comes last. */
  list(): readonly ModelInfo[]
  /** By the provider's exact name, or by `provider:name`. */
  find(name: string): ModelInfo | null
  /** What answers when nobody names a model. */
  defaultModel(): ModelInfo
  providerOf(model: Pick<ModelInfo, 'provider'>): ChatProvider
  /** Names of the providers. */
  providers(): readonly string[]
  /** As its last listing ended, and whether it is asked; null for a name that is no provider's. */
  health(provider: string): ProviderHealth | null
  /** Begins to fetch the listings, and returns at once. */
  start(): void
  /** Resolves when each provider's first listing has arrived or failed. */
  firstListings(): Promise<void>
  /** Ends what is under way. */
  close(): Promise<void>
}

export type ModelsOptions = {
  /** In order of preference; the last one is the last resort, which never fails. */
  readonly providers: readonly [...ChatProvider[], ChatProvider]
  /** Provider's exact name or `provider:name`; null: the first provider's choice. */
  readonly defaultModel: string | null
  /** When a provider that fails is left alone. */
  readonly pauses: PauseOptions
  /** Milliseconds between two listings. */
  readonly refreshInterval: number
  readonly log: Logger
}

/** Wait before another try after a listing that failed, where the interval is longer. */
const retryIntervalMs = 30_000

/** What is known of one provider's models. */
type Listing = {
  readonly provider: PausingProvider
  readonly models: readonly ModelInfo[]
  /** When it last listed them; null: never. */
  readonly listedAt: Date | null
  /** Why the latest fetch failed. */
  readonly reason: string | null
}

/**
 * Until a provider's first listing has arrived, its known models serve, and a configured model that they lack is
 * taken on trust: it may be newer than they are, and the provider says so if it does not exist.
 */
export function createModels(options: ModelsOptions): Models {
  return new ModelRegistry(options)
}

class ModelRegistry implements Models {
  readonly #options: ModelsOptions
  readonly #listings: Map<string, Listing>
  readonly #closing = new AbortController()
  readonly #firstListings = Promise.withResolvers<void>()
  #models: readonly ModelInfo[]
  #loops: Promise<unknown> = Promise.resolve()

  constructor(options: ModelsOptions) {
    this.#options = options
    this.#listings = new Map(
      options.providers.map((each) => {
        const provider = new PausingProvider(each, options.pauses)
        return [provider.name, { provider, models: provider.knownModels, listedAt: null, reason: null }]
      }),
    )
    this.#models = this.#assemble()
  }

  list(): readonly ModelInfo[] {
    return this.#models
  }

  find(name: string): ModelInfo | null {
    const byKey = this.#models.find((model) => modelKey(model) === name)
    return byKey ?? this.#models.find((model) => model.name === name) ?? null
  }

  defaultModel(): ModelInfo {
    const { defaultModel } = this.#options
    const configured = defaultModel === null ? null : this.find(defaultModel)
    const chosen = configured && isAvailable(configured) ? configured : this.#models.find(isAvailable)
    if (!chosen) throw new Error('The provider of last resort lists no available model')
    return chosen
  }

  providerOf(model: Pick<ModelInfo, 'provider'>): ChatProvider {
    const listing = this.#listings.get(model.provider)
    if (!listing) throw new Error(`There is no provider ${model.provider}`)
    return listing.provider
  }

  providers(): readonly string[] {
    return [...this.#listings.keys()]
  }

  health(name: string): ProviderHealth | null {
    const listing = this.#listings.get(name)
    if (!listing) return null
    const { provider, listedAt } = listing
    const reason = provider.outage?.error.message ?? listing.reason
    return { displayName: provider.displayName, healthy: reason === null, reason, listedAt }
  }

  start(): void {
    const firsts = [...this.#listings.values()].map(({ provider }) => {
      const first = Promise.withResolvers<void>()
      return { first: first.promise, loop: this.#keepListing(provider, first.resolve) }
    })
    this.#loops = Promise.all(firsts.map(({ loop }) => loop))
    void Promise.all(firsts.map(({ first }) => first)).then(() => {
      this.#warnOfUnknownDefault()
      this.#firstListings.resolve()
    })
  }

  firstListings(): Promise<void> {
    return this.#firstListings.promise
  }

  async close(): Promise<void> {
    this.#closing.abort()
    await this.#loops
  }

  async #keepListing(provider: PausingProvider, onFirst: () => void): Promise<void> {
    const { signal } = this.#closing
    while (!signal.aborted) {
      const failed = await this.#refresh(provider)
      onFirst()
      const { refreshInterval } = this.#options
      const wait = failed ? Math.min(refreshInterval, retryIntervalMs) : refreshInterval
      await sleep(wait, undefined, { signal, ref: false }).catch(() => {})
    }
  }

  /** Fetches one listing; says whether it failed, and then keeps what an earlier one said. */
  async #refresh(provider: PausingProvider): Promise<boolean> {
    const before = this.#listings.get(provider.name)
    try {
      const models = await provider.listModels(this.#closing.signal)
      this.#update({ provider, models, listedAt: new Date(), reason: null })
      return false
    } catch (error) {
      if (this.#closing.signal.aborted || !before) return true
      const reason = error instanceof Error ? error.message : String(error)
      if (before.reason !== reason) {
        this.#options.log.warn({ err: error, provider: provider.name }, 'Cannot list models')
      }
      this.#update({ ...before, reason })
      return true
    }
  }

  #update(listing: Listing): void {
    this.#listings.set(listing.provider.name, listing)
    this.#models = this.#assemble()
  }

  #assemble(): readonly ModelInfo[] {
    return [...this.#listings.values()].flatMap((listing) => [...listing.models, ...this.#onTrust(listing)])
  }

  /** The configured model, where it would be this provider's and that one has not said what it offers. */
  #onTrust({ provider, models, listedAt }: Listing): readonly ModelInfo[] {
    const { defaultModel, providers } = this.#options
    if (defaultModel === null || listedAt || provider.name === providers.at(-1)?.name) return []
    const owner = providers.find(({ name }) => defaultModel.startsWith(`${name}:`)) ?? providers[0]
    const name = defaultModel.replace(`${provider.name}:`, '')
    const isMissing = owner.name === provider.name && !models.some((model) => model.name === name)
    return isMissing ? [unlistedModel(provider.name, name)] : []
  }

  #warnOfUnknownDefault(): void {
    const { defaultModel, log } = this.#options
    if (defaultModel === null || this.#closing.signal.aborted) return
    const found = this.find(defaultModel)
    if (found && isAvailable(found)) return
    log.warn(
      { configured: defaultModel, instead: modelKey(this.defaultModel()) },
      'No provider offers the default model that is configured: another one takes its place',
    )
  }
}

/** A model that nobody has listed: it takes what every model takes. */
export function unlistedModel(provider: string, name: string): ModelInfo {
  return {
    provider,
    name,
    displayName: name,
    contextWindow: null,
    maxOutputTokens: null,
    capabilities: [],
    parameters: new Set(['maxOutputTokens', 'stop']),
    lifecycle: 'ACTIVE',
    retiresAt: null,
    prices: null,
    createdAt: null,
  }
}
