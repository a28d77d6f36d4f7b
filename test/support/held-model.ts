import type {
  ChatProvider,
  ModelInfo,
  ProviderEvent,
  ProviderRequest,
} from '../../src/server/llm/provider.ts'

const info: ModelInfo = {
  provider: 'held',
  name: 'held',
  displayName: 'Held',
  contextWindow: null,
  maxOutputTokens: null,
  capabilities: [],
  parameters: new Set(),
  lifecycle: 'ACTIVE',
  retiresAt: null,
  prices: null,
  createdAt: null,
}

/** A model in this process that says two words at once and its last one when it is let. */
export class HeldModel implements ChatProvider {
  readonly name = info.provider
  readonly displayName = info.displayName
  readonly knownModels = [info]
  readonly #held = new Set<{ prompt: string; release: () => void }>()

  async listModels(): Promise<readonly ModelInfo[]> {
    return this.knownModels
  }

  async *stream(request: ProviderRequest, signal: AbortSignal): AsyncGenerator<ProviderEvent, void, void> {
    const released = Promise.withResolvers<void>()
    const call = {
      prompt: request.messages.map(({ text }) => text).join('\n'),
      release: () => released.resolve(),
    }
    this.#held.add(call)
    signal.addEventListener('abort', call.release)
    try {
      yield { type: 'start', requestId: null }
      yield { type: 'reasoning', block: 0, text: 'Hm' }
      yield { type: 'text', block: 1, text: 'Well' }
      await released.promise
      signal.throwIfAborted()
      yield { type: 'text', block: 1, text: ', yes' }
      yield { type: 'finish', reason: 'STOP' }
    } finally {
      this.#held.delete(call)
    }
  }

  /** Lets it end the oldest of its answers to a prompt with `text`. False: there is none. */
  release(text: string): boolean {
    const call = [...this.#held].find(({ prompt }) => prompt.includes(text))
    if (!call) return false
    this.#held.delete(call)
    call.release()
    return true
  }
}
