import type { GenerationId } from '../ids.ts'
import type { Limits } from '../limits/limits.ts'

/** The room for runs in one process, in all and of each provider. Every change is made at once, in memory. */
export class RunRoom {
  readonly #limits: Pick<Limits, 'runs' | 'runsPerProvider'>
  /** The provider of every run that has room. */
  readonly #taken = new Map<GenerationId, string>()

  constructor(limits: Pick<Limits, 'runs' | 'runsPerProvider'>) {
    this.#limits = limits
  }

  /** Takes room for a run of `model` (`provider:name`). False: there is none, or the run has it already. */
  take(id: GenerationId, model: string): boolean {
    const provider = providerOf(model)
    if (this.#taken.has(id) || this.free === 0 || this.#countOf(provider) >= this.#limits.runsPerProvider)
      return false
    this.#taken.set(id, provider)
    return true
  }

  giveBack(id: GenerationId): void {
    this.#taken.delete(id)
  }

  /** How many runs more there is room for, if their providers have some. */
  get free(): number {
    return Math.max(0, this.#limits.runs - this.#taken.size)
  }

  /** Providers that have no room left. */
  get fullProviders(): string[] {
    const providers = new Set(this.#taken.values())
    return [...providers].filter((provider) => this.#countOf(provider) >= this.#limits.runsPerProvider)
  }

  get isEmpty(): boolean {
    return this.#taken.size === 0
  }

  /** The runs that have room. */
  get runs(): GenerationId[] {
    return [...this.#taken.keys()]
  }

  #countOf(provider: string): number {
    let count = 0
    for (const other of this.#taken.values()) if (other === provider) count += 1
    return count
  }
}

/** The provider in `provider:name`. */
export function providerOf(model: string): string {
  return model.split(':', 1)[0]!
}
