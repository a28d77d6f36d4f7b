import type { Client, CombinedError } from '@urql/core'
import { follow, isUnauthenticated } from '../client.ts'
import type { Connection } from '../connection.ts'
import { createStore, type ExternalStore } from '../external-store.ts'
import type { ConversationSnapshotFragment } from '../graphql/graphql.ts'
import { graphql } from '../graphql/index.ts'
import { isOwnKey, newKey, type Outgoing, restoreOutgoing, saveOutgoing } from './outgoing.ts'
import { applyEvent, applySnapshot, emptyThread, type ThreadEvent, type ThreadState } from './thread-state.ts'

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
      ... on GenerationChanged { generation { id message { ...MessageFields } } }
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
  /** Null until the first message makes the conversation. */
  readonly id: string | null
  readonly phase: Phase
  readonly title: string
  readonly defaultModelId: string | null
  readonly thread: ThreadState
  readonly outgoing: Outgoing | null
  /** The run that the viewer has asked to stop. */
  readonly stoppingId: string | null
}

const newConversation: ConversationView = {
  id: null,
  phase: 'new',
  title: '',
  defaultModelId: null,
  thread: emptyThread,
  outgoing: null,
  stoppingId: null,
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
  readonly #connection: Connection
  readonly #view: ExternalStore<ConversationView>
  #latest: ConversationView
  #cursor: string | null = null
  #watchers = 0
  #failures = 0
  #stop: () => void = () => {}
  #drawing = false

  constructor(client: Client, connection: Connection, id: string | null) {
    this.client = client
    this.#connection = connection
    const restored = id === null ? null : restoreOutgoing(id)
    this.#latest =
      id === null ? newConversation : { ...newConversation, id, phase: 'loading', outgoing: restored }
    this.#view = createStore(this.#latest)
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

  setOutgoing(outgoing: Outgoing | null): void {
    this.update({ outgoing })
    if (this.#latest.id !== null) saveOutgoing(this.#latest.id, outgoing)
  }

  /** Follows the conversation until the returned function is called. */
  watch(): () => void {
    this.#watchers += 1
    if (this.#watchers === 1) this.#start()
    return () => {
      this.#watchers -= 1
      if (this.#watchers === 0) this.#stop()
    }
  }

  /** The conversation has come to be, or was read anew. */
  receive(conversation: ConversationSnapshotFragment): void {
    const { id, title, defaultModel, head, thread, eventsCursor } = conversation
    const created = this.#latest.id === null
    this.#cursor = eventsCursor
    this.update({
      id,
      title,
      phase: 'ready',
      defaultModelId: defaultModel?.id ?? null,
      thread: applySnapshot(this.#latest.thread, { messages: thread.nodes, headId: head?.id ?? null }),
    })
    if (created && this.#watchers > 0) this.#follow()
  }

  #start(): void {
    if (this.#latest.id === null || this.#latest.phase === 'missing') return
    if (this.#cursor === null) void this.#read()
    else this.#follow()
  }

  async #read(): Promise<void> {
    const id = this.#latest.id!
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
      { conversationId: this.#latest.id!, after: this.#cursor },
      { onEvent: (data) => this.#apply(data.conversationEvents), onEnd: (error) => this.#fail(error) },
    )
  }

  #apply(event: ThreadEvent): void {
    this.#cursor = event.cursor
    if (event.__typename === 'ConversationRemoved') return this.#remove()
    const key = 'clientMutationId' in event ? event.clientMutationId : null
    const thread = applyEvent(this.#latest.thread, event, isOwnKey(key))
    if (thread === 'resync') return this.#readAgain()
    this.#failures = 0
    this.update({ thread })
    if (event.__typename === 'MessageChanged' && key !== null && key === this.#latest.outgoing?.key)
      this.setOutgoing(null)
    if (event.__typename === 'ConversationChanged') {
      const { title, defaultModel } = event.conversation
      this.update({ title, defaultModelId: defaultModel?.id ?? null })
    }
  }

  #remove(): void {
    this.#stop()
    this.setOutgoing(null)
    this.update({ phase: 'missing' })
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
