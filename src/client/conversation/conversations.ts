import type { Client } from '@urql/core'
import type { Connection } from '../connection.ts'
import { ConversationStore } from './conversation-store.ts'

/** Conversations that stay in memory while another one is shown. */
const kept = 20

/** Hands out one store per conversation, so that coming back finds it as it was left. */
export class Conversations {
  readonly #client: Client
  readonly #connection: Connection
  readonly #stores: ConversationStore[] = []

  constructor(client: Client, connection: Connection) {
    this.#client = client
    this.#connection = connection
  }

  /** A store for `id`; for null one whose conversation does not exist yet. Pure enough to be called while rendering. */
  open(id: string | null): ConversationStore {
    const held = this.#stores.findIndex((store) => store.latest.id === id)
    const [store = new ConversationStore(this.#client, this.#connection, id)] =
      held < 0 ? [] : this.#stores.splice(held, 1)
    this.#stores.unshift(store)
    this.#stores.length = Math.min(this.#stores.length, kept)
    return store
  }
}
