import { get, type UseStore, update } from 'idb-keyval'
import { createStore, type ExternalStore } from '../external-store.ts'
import { emptyOutbox, type OutboxChange, type OutboxState } from './outbox-state.ts'

const record = 'outbox'

/**
 * The outbox of this browser: in IndexedDB, which all tabs share, and as each of them knows it. A change is seen here
 * at once and is applied to what is stored in one transaction, so tabs never overwrite each other's.
 */
export class Outbox {
  #disk: UseStore | null
  readonly #state = createStore<OutboxState>(emptyOutbox)
  readonly #tabs = new BroadcastChannel('parley:outbox')
  #last: Promise<void> = Promise.resolve()
  #waiting = 0

  constructor(disk: UseStore | null) {
    this.#disk = disk
    this.#tabs.addEventListener('message', () => void this.refresh())
  }

  get state(): Pick<ExternalStore<OutboxState>, 'get' | 'subscribe'> {
    return this.#state
  }

  /** Resolves once it is stored, or cannot be. `change` may be called more than once and has to be pure. */
  change(change: OutboxChange): Promise<void> {
    this.#state.set(change(this.#state.get()))
    return this.#inTurn(async (disk) => {
      let stored = emptyOutbox
      await update<OutboxState>(
        record,
        (held = emptyOutbox) => {
          stored = change(held)
          return stored
        },
        disk,
      )
      this.#tabs.postMessage(null)
      return stored
    })
  }

  /** Learns what other tabs have done. */
  refresh(): Promise<void> {
    return this.#inTurn(async (disk) => (await get<OutboxState>(record, disk)) ?? emptyOutbox)
  }

  /** One access after the other; what the last one finds is what is known here. */
  #inTurn(access: (disk: UseStore) => Promise<OutboxState>): Promise<void> {
    const disk = this.#disk
    if (disk === null) return this.#last
    this.#waiting += 1
    this.#last = this.#last.then(async () => {
      const stored = await access(disk).catch(() => null)
      this.#waiting -= 1
      // What was not stored would be missing from the next thing that is read: this tab goes on with what it knows.
      if (stored === null) this.#disk = null
      else if (this.#waiting === 0 && this.#disk) this.#state.set(stored)
    })
    return this.#last
  }
}
