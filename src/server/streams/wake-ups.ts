import type { ConversationId, GenerationId, ViewerId } from '../ids.ts'

/**
 * What can be waited for: durable events of a conversation or a viewer, the text of a run, or that a run was queued,
 * which every process that has room for one wants to know.
 */
export type Topic = `conversation:${ConversationId}` | `viewer:${ViewerId}` | `run:${GenerationId}` | 'queue'

/**
 * Tells readers to look again. A hint, sent after the commit: it carries no data, and losing one costs latency,
 * never an event.
 */
export interface WakeUps {
  wake(topics: Iterable<Topic>): void
  /** Listens from now on. Listen before reading: what is appended between the two would otherwise be missed. */
  listen(topics: Iterable<Topic>): Listener
  /** Topics that somebody in this process listens to. */
  watched(): Topic[]
}

/** Remembers which of its topics were woken, however often, until they are taken. */
export interface Listener extends Disposable {
  /** Listens to one more topic, which counts as woken at first: what it tells of may have happened before. */
  add(topic: Topic): void
  remove(topic: Topic): void
  /** Topics woken since they were last taken. */
  take(): ReadonlySet<Topic>
  /** Resolves once a topic is woken, `timeout` milliseconds have passed, or `signal` aborts; at once if one was. */
  woken(signal: AbortSignal, timeout?: number): Promise<void>
}

/** Wake-ups within one process. */
export function createWakeUps(): WakeUps {
  const listeners = new Map<Topic, Set<MemoryListener>>()
  return {
    wake(topics) {
      for (const topic of topics) for (const listener of listeners.get(topic) ?? []) listener.wake(topic)
    },
    listen(topics) {
      const listener = new MemoryListener(listeners)
      for (const topic of topics) listener.add(topic)
      return listener
    },
    watched: () => [...listeners.keys()],
  }
}

class MemoryListener implements Listener {
  readonly #listeners: Map<Topic, Set<MemoryListener>>
  readonly #topics = new Set<Topic>()
  #woken = new Set<Topic>()
  #notify: (() => void) | null = null

  constructor(listeners: Map<Topic, Set<MemoryListener>>) {
    this.#listeners = listeners
  }

  add(topic: Topic): void {
    this.#topics.add(topic)
    this.#woken.add(topic)
    const others = this.#listeners.get(topic)
    if (others) others.add(this)
    else this.#listeners.set(topic, new Set([this]))
  }

  remove(topic: Topic): void {
    this.#topics.delete(topic)
    this.#woken.delete(topic)
    const others = this.#listeners.get(topic)
    others?.delete(this)
    if (others?.size === 0) this.#listeners.delete(topic)
  }

  wake(topic: Topic): void {
    this.#woken.add(topic)
    this.#notify?.()
  }

  take(): ReadonlySet<Topic> {
    const woken = this.#woken
    this.#woken = new Set()
    return woken
  }

  async woken(signal: AbortSignal, timeout?: number): Promise<void> {
    if (this.#woken.size > 0 || signal.aborted) return
    const { promise, resolve } = Promise.withResolvers<void>()
    const timer = timeout === undefined ? undefined : setTimeout(resolve, timeout)
    this.#notify = resolve
    const stop = () => resolve()
    signal.addEventListener('abort', stop)
    await promise
    signal.removeEventListener('abort', stop)
    clearTimeout(timer)
    this.#notify = null
  }

  [Symbol.dispose](): void {
    for (const topic of [...this.#topics]) this.remove(topic)
  }
}
