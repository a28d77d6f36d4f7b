import type { Client, CombinedError } from '@urql/core'
import { follow, isUnauthenticated } from '../client.ts'
import type { Connection } from '../connection.ts'
import { createStore, type ExternalStore } from '../external-store.ts'
import type { ConversationSnapshotFragment } from '../graphql/graphql.ts'
import { graphql } from '../graphql/index.ts'
import type { Payload } from '../outbox/deliver.ts'
import { isOwnKey, newKey } from '../outbox/key.ts'
import type { Outbox } from '../outbox/outbox.ts'
import { delivered, itemsAt, type OutboxItem } from '../outbox/outbox-state.ts'
import { isNewPlace, newPlace, type Place } from '../outbox/place.ts'
import { stayWhereSaid } from './queue.ts'
import {
  addMessages,
  applyEvent,
  applySnapshot,
  emptyThread,
  isFinished,
  noteHead,
  showLeaf,
  type ThreadEvent,
  type ThreadState,
} from './thread-state.ts'

graphql(`
  fragment ConversationSnapshot on Conversation {
    id
    title
    updatedAt
    defaultModel { id }
    head { id }
    thread(last: 50) { nodes { ...MessageFields } }
    eventsCursor
  }
`)

const conversationQuery = graphql(`
  query Conversation($id: ID!) {
    conversation(id: $id) { ...ConversationSnapshot }
  }
`)

const conversationEvents = graphql(`
  subscription ConversationEvents($conversationId: ID!, $after: Cursor) {
    conversationEvents(conversationId: $conversationId, after: $after) {
      __typename
      cursor
      ... on PartDelta { messageId partIndex revision kind offset text }
      ... on PartFinished {
        messageId
        part {
          __typename
          index
          ... on TextPart { text }
          ... on ReasoningPart { text }
        }
      }
      ... on MessageChanged { clientMutationId message { ...MessageFields } }
      ... on GenerationChanged { clientMutationId generation { id message { ...MessageFields } } }
      ... on GenerationFinished { generation { id message { ...MessageFields } } }
      ... on ConversationChanged {
        clientMutationId
        conversation { id title updatedAt defaultModel { id } head { id } }
      }
      ... on ConversationRemoved { conversationId }
      ... on ResyncRequired { reason }
    }
  }
`)

/** `unreachable`: nothing could be read yet; it is tried again. */
export type Phase = 'new' | 'loading' | 'ready' | 'unreachable' | 'missing'

export type ConversationView = {
  /** The conversation's id, once the first message has made it. */
  readonly place: Place
  readonly phase: Phase
  readonly title: string
  readonly defaultModelId: string | null
  readonly thread: ThreadState
  /** What was asked for here and the server has not confirmed, oldest first. */
  readonly outgoing: readonly OutboxItem[]
  /** The run that the viewer has asked to stop. */
  readonly stoppingId: string | null
}

/** Where the page finds it again; null while nothing has been said in it. */
export function addressOf({ place, outgoing }: ConversationView): Place | null {
  return isNewPlace(place) && outgoing.length === 0 ? null : place
}

const unread: Omit<ConversationView, 'place' | 'phase'> = {
  title: '',
  defaultModelId: null,
  thread: emptyThread,
  outgoing: [],
  stoppingId: null,
}

/** What stores work with. */
export type Services = {
  readonly client: Client
  readonly connection: Connection
  readonly outbox: Outbox
  /** Called when an answer may have ended: what waits for that can be sent. */
  onEnded(): void
}

/** Milliseconds before a conversation that could not be read or followed is read again. */
const longestRetry = 15_000

/**
 * One conversation as the page holds it, outside React and outside the cache: what streams in is folded here. While
 * somebody looks at it, it follows the conversation's events; whoever comes back later finds it as it was left, and
 * gets the rest by its cursor.
 */
export class ConversationStore {
  /** Stays when the conversation comes to be and gets its id. */
  readonly key = newKey()
  readonly client: Client
  readonly outbox: Outbox
  readonly #connection: Connection
  readonly #onEnded: () => void
  /** Where the conversation began, when it did so here. */
  #origin: Place | null
  readonly #view: ExternalStore<ConversationView>
  #latest: ConversationView
  #cursor: string | null = null
  #watchers = 0
  #failures = 0
  #stop: () => void = () => {}
  #drawing = false
  /** The item whose message an event has brought: all that is left of it is an answer to that. */
  #landed: { readonly key: string; readonly messageId: string } | null = null

  constructor({ client, connection, outbox, onEnded }: Services, place: Place) {
    this.client = client
    this.outbox = outbox
    this.#onEnded = onEnded
    this.#connection = connection
    this.#origin = isNewPlace(place) ? place : null
    const outgoing = itemsAt(outbox.state.get(), place)
    this.#latest = { ...unread, place, phase: isNewPlace(place) ? 'new' : 'loading', outgoing }
    this.#view = createStore(this.#latest)
  }

  /** Whether this is what `place` names, or named before the conversation existed. */
  isAt(place: Place): boolean {
    return place === this.#latest.place || place === this.#origin
  }

  /** What components see: at most one change per frame, however fast the text arrives. */
  get view(): Pick<ExternalStore<ConversationView>, 'get' | 'subscribe'> {
    return this.#view
  }

  /** What is true now, which components may see a frame later. */
  get latest(): ConversationView {
    return this.#latest
  }

  update(change: Partial<ConversationView>): void {
    this.#latest = { ...this.#latest, ...change }
    if (this.#drawing) return
    this.#drawing = true
    nextFrame(() => {
      this.#drawing = false
      this.#view.set(this.#latest)
    })
  }

  /** Follows the conversation until the returned function is called. */
  watch(): () => void {
    this.#watchers += 1
    if (this.#watchers === 1) this.#start()
    const unlisten = this.outbox.state.subscribe(() => this.#receiveItems())
    this.#receiveItems()
    return () => {
      unlisten()
      this.#watchers -= 1
      if (this.#watchers === 0) this.#stop()
    }
  }

  /** The conversation has come to be, or was read anew. */
  receive(conversation: ConversationSnapshotFragment): void {
    const { id, title, defaultModel, head, thread, eventsCursor } = conversation
    const { place, thread: before, outgoing } = this.#latest
    const created = isNewPlace(place)
    const after = applySnapshot(before, { messages: thread.nodes, headId: head?.id ?? null })
    this.#cursor = eventsCursor
    this.update({
      place: id,
      title,
      phase: 'ready',
      defaultModelId: defaultModel?.id ?? null,
      thread: stayWhereSaid(outgoing, before, after),
    })
    if (created && this.#watchers > 0) this.#follow()
    this.#onEnded()
  }

  /** The server has taken an item. Whoever looks at its place sees it now; to others it comes by events, in order. */
  accept(item: OutboxItem, { userMessage, generation, conversation }: Payload): void {
    const { phase, thread } = this.#latest
    const isShown = thread.leafId === item.parentId || thread.leafId === userMessage?.id
    if (phase !== 'ready' || !isShown) return
    const messages = [userMessage, generation?.message].filter((message) => message != null)
    const headId = conversation?.head?.id ?? thread.headId
    this.update({ thread: showLeaf(noteHead(addMessages(thread, messages), headId), messages.at(-1)!.id) })
  }

  /** Whether a message is being written, as far as this store can know. */
  isUnderWay(messageId: string): boolean {
    const message = this.#latest.thread.messages.get(messageId)
    const isCurrent = this.#watchers > 0 && this.#connection.state.get() === 'open'
    return isCurrent && message !== undefined && !isFinished(message)
  }

  /** Whether a message is known to have ended and not to have been cut: nothing goes on from it by itself. */
  isWhole(messageId: string): boolean {
    const status = this.#latest.thread.messages.get(messageId)?.status
    return status === 'COMPLETED' || status === 'FAILED'
  }

  #start(): void {
    if (isNewPlace(this.#latest.place) || this.#latest.phase === 'missing') return
    if (this.#cursor === null) void this.#read()
    else this.#follow()
  }

  async #read(): Promise<void> {
    const id = this.#latest.place
    let stopped = false
    this.#stop = () => {
      stopped = true
    }
    const { data, error } = await this.client
      .query(conversationQuery, { id }, { requestPolicy: 'network-only' })
      .toPromise()
    if (stopped) return
    if (error) this.#fail(error)
    else if (!data?.conversation) this.update({ phase: 'missing' })
    else {
      this.receive(data.conversation)
      this.#follow()
    }
  }

  #follow(): void {
    this.#stop = follow(
      this.client,
      conversationEvents,
      { conversationId: this.#latest.place, after: this.#cursor },
      { onEvent: (data) => this.#apply(data.conversationEvents), onEnd: (error) => this.#fail(error) },
    )
  }

  #apply(event: ThreadEvent): void {
    this.#cursor = event.cursor
    if (event.__typename === 'ConversationRemoved') return this.#remove()
    const key = 'clientMutationId' in event ? event.clientMutationId : null
    const { thread: before, outgoing } = this.#latest
    const thread = applyEvent(before, event, isOwnKey(key))
    if (thread === 'resync') return this.#readAgain()
    this.#failures = 0
    const isAwaited = outgoing.some((item) => item.key === key)
    this.update({ thread: isAwaited ? thread : stayWhereSaid(outgoing, before, thread) })
    if (event.__typename === 'GenerationFinished') this.#onEnded()
    if (key !== null) this.#confirm(event, key)
    if (event.__typename === 'ConversationChanged') {
      const { title, defaultModel } = event.conversation
      this.update({ title, defaultModelId: defaultModel?.id ?? null })
    }
  }

  #remove(): void {
    this.#stop()
    this.update({ phase: 'missing', thread: emptyThread })
    this.#onEnded()
  }

  /** An event tells of what an item asked for, maybe before the server's answer does, which may be lost. */
  #confirm(event: ThreadEvent, key: string): void {
    if (!this.#latest.outgoing.some((item) => item.key === key)) return
    if (event.__typename === 'MessageChanged') {
      this.#landed = { key, messageId: event.message.id }
      this.#receiveItems()
    }
    if (event.__typename !== 'GenerationChanged') return
    const leafId = event.generation.message.id
    void this.outbox.change((state) => delivered(state, key, leafId))
  }

  /** What the outbox has for this conversation, wherever that is by now. */
  #receiveItems(): void {
    const { items, leftovers } = this.outbox.state.get()
    const begun = items.find(({ origin }) => origin !== null && origin.place === this.#latest.place)
    if (leftovers.includes(this.#latest.place)) this.#beginAnew()
    else if (begun && begun.place !== this.#latest.place) this.#adopt(begun.place)
    const { key, messageId } = this.#landed ?? {}
    const outgoing = items
      .filter(({ place }) => place === this.#latest.place)
      .map((item) => (messageId && item.key === key ? { ...item, text: null, parentId: messageId } : item))
    if (outgoing.length + this.#latest.outgoing.length > 0) this.update({ outgoing })
  }

  /** Another tab has made the conversation. */
  #adopt(place: Place): void {
    this.update({ place, phase: 'loading' })
    if (this.#watchers > 0) void this.#read()
  }

  /** The first message of the conversation never came to be: it is as if it had never been there. */
  #beginAnew(): void {
    this.#stop()
    this.#cursor = null
    this.#origin ??= newPlace()
    this.update({ ...unread, place: this.#origin, phase: 'new' })
  }

  /** Without the access token nothing can be read: the page asks for it. */
  #fail(error: CombinedError): void {
    if (!isUnauthenticated(error)) this.#readAgain()
  }

  /** Whatever ended the stream, reading afresh mends it: at once, and later and later when it does not. */
  #readAgain(): void {
    this.#stop()
    if (this.#latest.phase === 'loading' && this.#failures > 0) this.update({ phase: 'unreachable' })
    const wait = this.#failures === 0 ? 0 : Math.min(longestRetry, 250 * 2 ** this.#failures)
    this.#failures += 1
    const again = (): void => {
      this.#stop()
      void this.#read()
    }
    const timer = setTimeout(again, wait)
    const unlisten = this.#connection.state.subscribe(() => {
      if (this.#connection.state.get() === 'open') again()
    })
    this.#stop = () => {
      clearTimeout(timer)
      unlisten()
    }
  }
}

/** A hidden page draws no frames. */
function nextFrame(callback: () => void): void {
  if (document.visibilityState === 'visible') requestAnimationFrame(callback)
  else setTimeout(callback, 0)
}
