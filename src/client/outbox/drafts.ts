import { entries, promisifyRequest, type UseStore } from 'idb-keyval'
import type { Place } from './place.ts'

type Draft = { readonly text: string; readonly writtenAt: number }

/** Milliseconds. */
const timers = { writing: 100, kept: 90 * 24 * 3_600_000 }
const prefix = 'draft:'

/**
 * What is typed and not sent: per place, and shared by all tabs; the last one to write wins. It is stored soon after
 * each change, and at once when the page goes out of sight.
 */
export class Drafts {
  readonly #disk: UseStore | null
  readonly #texts = new Map<Place, string>()
  readonly #unwritten = new Set<Place>()
  readonly #listeners = new Set<(place: Place) => void>()
  readonly #tabs = new BroadcastChannel('parley:drafts')
  #timer: ReturnType<typeof setTimeout> | undefined

  private constructor(disk: UseStore | null, stored: Iterable<[Place, string]>) {
    this.#disk = disk
    this.#texts = new Map(stored)
    this.#tabs.addEventListener('message', ({ data: [place, text] }: MessageEvent<[Place, string]>) => {
      this.#note(place, text)
      for (const listener of this.#listeners) listener(place)
    })
    window.addEventListener('pagehide', () => this.#write())
    document.addEventListener('visibilitychange', () => this.#write())
  }

  /** Forgets what nobody has looked after for three months. */
  static async open(disk: UseStore | null): Promise<Drafts> {
    const held = disk ? await entries<string, Draft>(disk).catch(() => []) : []
    const drafts = held.filter(([key]) => key.startsWith(prefix))
    const oldest = Date.now() - timers.kept
    for (const [key, { writtenAt }] of drafts) if (disk && writtenAt < oldest) void keep(key, '', disk)
    return new Drafts(
      disk,
      drafts.map(([key, { text }]) => [key.slice(prefix.length), text]),
    )
  }

  get(place: Place): string {
    return this.#texts.get(place) ?? ''
  }

  set(place: Place, text: string): void {
    if (text === this.get(place)) return
    this.#note(place, text)
    this.#plan(place)
  }

  /** Forgets the draft, as it is stored only once `sent` says that the text is kept elsewhere. */
  async clear(place: Place, sent: Promise<void>): Promise<void> {
    this.#note(place, '')
    await sent
    this.#plan(place)
  }

  /** What was typed before the conversation existed is typed in it. */
  move(from: Place, to: Place): void {
    if (this.get(from) === '') return
    this.set(to, this.get(from))
    this.set(from, '')
  }

  /** Called with the place whenever another tab writes. */
  subscribe(listener: (place: Place) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  #plan(place: Place): void {
    this.#unwritten.add(place)
    this.#timer ??= setTimeout(() => this.#write(), timers.writing)
  }

  #note(place: Place, text: string): void {
    if (text === '') this.#texts.delete(place)
    else this.#texts.set(place, text)
  }

  #write(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    for (const place of this.#unwritten) {
      const text = this.get(place)
      this.#tabs.postMessage([place, text])
      if (this.#disk) void keep(prefix + place, text, this.#disk)
    }
    this.#unwritten.clear()
  }
}

/** Without reading first and without waiting for an answer: it may be the last thing that the page does. */
function keep(key: string, text: string, disk: UseStore): Promise<void> {
  const draft: Draft = { text, writtenAt: Date.now() }
  const written = disk('readwrite', (store) => {
    if (text === '') store.delete(key)
    else store.put(draft, key)
    store.transaction.commit()
    return promisifyRequest(store.transaction)
  })
  return written.catch(() => {})
}
