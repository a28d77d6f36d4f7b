import type { ConversationSnapshotFragment } from '../graphql/graphql.ts'
import type { Payload } from '../outbox/deliver.ts'
import type { Drafts } from '../outbox/drafts.ts'
import type { OutboxItem } from '../outbox/outbox-state.ts'
import { newPlace, type Place } from '../outbox/place.ts'
import type { Audience } from '../outbox/sender.ts'
import { addressOf, ConversationStore, type Services } from './conversation-store.ts'

/** Conversations that stay in memory while another one is shown. */
const kept = 20

/** Hands out one store per conversation, so that coming back finds it as it was left. */
export class Conversations implements Audience {
  readonly #services: Services
  readonly #drafts: Drafts
  readonly #stores: ConversationStore[] = []

  constructor(services: Services, drafts: Drafts) {
    this.#services = services
    this.#drafts = drafts
  }

  /** A store for a place; for null one in which nothing has been said. Pure enough to be called while rendering. */
  open(place: Place | null): ConversationStore {
    const held = place === null ? this.#stores.find(isBlank) : this.#find(place)
    const store = held ?? new ConversationStore(this.#services, place ?? newPlace())
    const others = this.#stores.filter((other) => other !== store)
    this.#stores.splice(0, this.#stores.length, store, ...others.slice(0, kept - 1))
    return store
  }

  isUnderWay(place: Place, messageId: string): boolean {
    return this.#find(place)?.isUnderWay(messageId) ?? false
  }

  isWhole(place: Place, messageId: string): boolean {
    return this.#find(place)?.isWhole(messageId) ?? false
  }

  onMade(place: Place, conversation: ConversationSnapshotFragment): void {
    this.#drafts.move(place, conversation.id)
    this.#find(place)?.receive(conversation)
  }

  onDelivered(item: OutboxItem, payload: Payload): void {
    this.#find(item.place)?.accept(item, payload)
  }

  #find(place: Place): ConversationStore | undefined {
    return this.#stores.find((store) => store.isAt(place))
  }
}

function isBlank({ latest }: ConversationStore): boolean {
  return addressOf(latest) === null
}
