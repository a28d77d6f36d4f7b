import type { ConversationId, GenerationId, ViewerId } from '../ids.ts'
import type { Tail } from './content.ts'

/**
 * What can be waited for: durable events of a conversation or a viewer, the text of a run, or that a run was queued,
 * which every process that has room for one wants to know.
 */
export type Topic = `conversation:${ConversationId}` | `viewer:${ViewerId}` | `run:${GenerationId}` | 'queue'

/** What a listener to a run finds woken when text of it has come here by itself: the database need not be asked. */
export type Growth = `growth:${GenerationId}`

/**
 * Tells readers to look again. A hint, sent after the commit: losing one costs latency, never an event. With it goes
 * the text that was committed, for processes that hold what comes before it.
 */
export interface WakeUps {
  /** Wakes whoever listens, in every process that shares the database. Returns how many there are in this one. */
  wake(topics: Iterable<Topic>, tails?: readonly Tail[]): number
  /** Only those in this process, with what the others find out by themselves. */
  wakeHere(topics: Iterable<Topic>): number
  /** Only those in this process who listen to runs of which text has come here by itself. */
  wakeGrown(ids: Iterable<GenerationId>): void
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
  /** What was woken since it was last taken. */
  take(): ReadonlySet<Topic | Growth>
  /** Resolves once a topic is woken, `timeout` milliseconds have passed, or `signal` aborts; at once if one was. */
  woken(signal: AbortSignal, timeout?: number): Promise<void>
}

/** Is told when the first listener of a topic comes, and when the last one has gone. */
export type Watcher = { watch(topic: Topic): void; unwatch(topic: Topic): void }

/** Wake-ups within one process. */
export function createWakeUps(watcher: Watcher | null = null): WakeUps {
  const listeners: Listeners = { byTopic: new Map(), watcher }
  const wake = (topics: Iterable<Topic>) => {
    let woken = 0
    for (const topic of topics) {
      const listening = listeners.byTopic.get(topic)
      for (const listener of listening ?? []) listener.wake(topic)
      woken += listening?.size ?? 0
    }
    return woken
  }
  return {
    wake,
    wakeHere: wake,
    wakeGrown(ids) {
      for (const id of ids)
        for (const listener of listeners.byTopic.get(`run:${id}`) ?? []) listener.wake(`growth:${id}`)
    },
    listen(topics) {
      const listener = new MemoryListener(listeners)
      for (const topic of topics) listener.add(topic)
      return listener
    },
    watched: () => [...listeners.byTopic.keys()],
  }
}

type Listeners = { readonly byTopic: Map<Topic, Set<MemoryListener>>; readonly watcher: Watcher | null }

class MemoryListener implements Listener {
  readonly #listeners: Listeners
  readonly #topics = new Set<Topic>()
  #woken = new Set<Topic | Growth>()
  #notify: (() => void) | null = null
  #signal: AbortSignal | null = null

  constructor(listeners: Listeners) {
    this.#listeners = listeners
  }

  add(topic: Topic): void {
    this.#topics.add(topic)
    this.#woken.add(topic)
    const { byTopic, watcher } = this.#listeners
    const others = byTopic.get(topic)
    if (others) return void others.add(this)
    byTopic.set(topic, new Set([this]))
    watcher?.watch(topic)
  }

  remove(topic: Topic): void {
    this.#topics.delete(topic)
    this.#woken.delete(topic)
    const { byTopic, watcher } = this.#listeners
    const others = byTopic.get(topic)
    if (!others?.delete(this) || others.size > 0) return
    byTopic.delete(topic)
    watcher?.unwatch(topic)
  }

  wake(topic: Topic | Growth): void {
    this.#woken.add(topic)
    this.#notify?.()
  }

  take(): ReadonlySet<Topic | Growth> {
    const woken = this.#woken
    this.#woken = new Set()
    return woken
  }

  woken(signal: AbortSignal, timeout?: number): Promise<void> {
    if (this.#woken.size > 0 || signal.aborted) return Promise.resolve()
    this.#endWaitsOn(signal)
    return new Promise((resolve) => {
      this.#notify = resolve
      if (timeout === undefined) return
      const timer = setTimeout(resolve, timeout)
      this.#notify = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }

  readonly #endWait = () => this.#notify?.()

  /** Waits are many, and their signal is mostly the same. */
  #endWaitsOn(signal: AbortSignal | null): void {
    if (signal === this.#signal) return
    this.#signal?.removeEventListener('abort', this.#endWait)
    this.#signal = signal
    signal?.addEventListener('abort', this.#endWait)
  }

  [Symbol.dispose](): void {
    for (const topic of [...this.#topics]) this.remove(topic)
    this.#endWaitsOn(null)
  }
}
