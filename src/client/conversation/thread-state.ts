import type { ConversationEventsSubscription, MessageFieldsFragment } from '../graphql/graphql.ts'
import { graphql } from '../graphql/index.ts'
import { foldDelta, type LiveParts, replacePart } from './fold-events.ts'

graphql(`
  fragment GenerationFields on Generation {
    id
    status
    attempt
    finishReason
    startedAt
    finishedAt
    failure { code message retryable retryAt }
    usage { inputTokens outputTokens cost estimated }
  }
`)

graphql(`
  fragment MessageFields on Message {
    id
    role
    isContinuation
    status
    createdAt
    parents { id }
    siblings { id }
    parts {
      __typename
      index
      ... on TextPart { text }
      ... on ReasoningPart { text }
    }
    model { id displayName provider { id name } }
    generation { ...GenerationFields }
  }
`)

export type Message = MessageFieldsFragment
export type ThreadEvent = ConversationEventsSubscription['conversationEvents']

/**
 * What the page knows of one conversation: messages of every branch it has seen, the branch it shows, and the text
 * of what is being written. Grows by snapshots, answers to mutations and events, in any order and any number of
 * times.
 */
export type ThreadState = {
  readonly messages: ReadonlyMap<string, Message>
  /** Ids of a parent's children in order of creation; the roots under `''`. */
  readonly children: ReadonlyMap<string, readonly string[]>
  /** Text of messages under way. */
  readonly live: ReadonlyMap<string, LiveParts>
  /** Where the server has this viewer. */
  readonly headId: string | null
  /** End of the branch shown: the head, but after a send that landed beside it. */
  readonly leafId: string | null
  /** Of each message once shown, the leaf that was shown then: where to come back to. */
  readonly lastLeaf: ReadonlyMap<string, string>
}

export const emptyThread: ThreadState = {
  messages: new Map(),
  children: new Map(),
  live: new Map(),
  headId: null,
  leafId: null,
  lastLeaf: new Map(),
}

/** Whether nothing about this message will change any more. */
export function isFinished(message: Message): boolean {
  return message.status !== 'PENDING' && message.status !== 'STREAMING'
}

/**
 * Takes what the server says now. Messages that were under way and are not part of it are forgotten: their events
 * may have been missed. Finished ones stay.
 */
export function applySnapshot(
  state: ThreadState,
  snapshot: { messages: readonly Message[]; headId: string | null },
): ThreadState {
  const known = [...state.messages].filter(([, message]) => isFinished(message))
  const kept = { ...state, messages: new Map(known), live: new Map() }
  return followHead(addMessages(kept, snapshot.messages), snapshot.headId)
}

/** Adds messages, or brings those it has up to date; never takes a finished one back. */
export function addMessages(state: ThreadState, added: readonly Message[]): ThreadState {
  const messages = new Map(state.messages)
  const children = new Map(state.children)
  const live = new Map(state.live)
  for (const message of added) {
    noteSiblings(children, message)
    if (!supersedes(message, messages.get(message.id))) continue
    messages.set(message.id, message)
    if (isFinished(message)) live.delete(message.id)
    else if (!live.has(message.id)) live.set(message.id, partsOf(message))
  }
  return { ...state, messages, children, live }
}

/** Goes where the head went. A head that is already known moves nothing: the page may show another leaf on purpose. */
export function followHead(state: ThreadState, headId: string | null): ThreadState {
  return headId === state.headId ? state : showLeaf(noteHead(state, headId), headId)
}

/** Knows the new head, and stays where it is. */
export function noteHead(state: ThreadState, headId: string | null): ThreadState {
  return headId === state.headId ? state : { ...state, headId }
}

/** Shows the branch that ends at `leafId`. */
export function showLeaf(state: ThreadState, leafId: string | null): ThreadState {
  if (leafId === state.leafId) return state
  const lastLeaf = new Map(state.lastLeaf)
  if (state.leafId !== null) for (const { id } of threadOf(state)) lastLeaf.set(id, state.leafId)
  return { ...state, leafId, lastLeaf }
}

/**
 * The state after one event; `'resync'` when something was missed and the conversation has to be read again. `own`:
 * this page caused it, and has gone where it wanted to go already.
 */
export function applyEvent(state: ThreadState, event: ThreadEvent, own: boolean): ThreadState | 'resync' {
  switch (event.__typename) {
    case 'PartDelta':
      return applyParts(state, event.messageId, (parts) => foldDelta(parts, event))
    case 'PartFinished':
      return applyFinishedPart(state, event)
    case 'MessageChanged':
      return applyMessage(state, event.message)
    case 'GenerationChanged':
    case 'GenerationFinished':
      return applyMessage(state, event.generation.message)
    case 'ConversationChanged':
      return (own ? noteHead : followHead)(state, event.conversation.head?.id ?? null)
    case 'ResyncRequired':
      return 'resync'
    default:
      // Heartbeats, and types that a newer server has.
      return state
  }
}

/** What goes on from the end of the branch shown is shown. */
function applyMessage(state: ThreadState, message: Message): ThreadState {
  const added = addMessages(state, [message])
  const goesOn = parentOf(message) === state.leafId
  return goesOn && !state.messages.has(message.id) ? showLeaf(added, message.id) : added
}

function applyFinishedPart(
  state: ThreadState,
  { messageId, part }: Extract<ThreadEvent, { __typename: 'PartFinished' }>,
): ThreadState | 'resync' {
  if (part.__typename !== 'TextPart' && part.__typename !== 'ReasoningPart') return state
  const kind = part.__typename === 'TextPart' ? 'TEXT' : 'REASONING'
  return applyParts(state, messageId, (parts) => {
    const revision = parts.find(({ index }) => index === part.index)?.revision ?? 0
    return replacePart(parts, { index: part.index, kind, revision, text: part.text })
  })
}

/** Deltas of messages that are not known here are of a branch nobody looks at: it is read when it is shown. */
function applyParts(
  state: ThreadState,
  messageId: string,
  fold: (parts: LiveParts) => LiveParts | 'gap',
): ThreadState | 'resync' {
  const parts = state.live.get(messageId)
  if (!parts) return state
  const folded = fold(parts)
  if (folded === 'gap') return 'resync'
  return folded === parts ? state : { ...state, live: new Map(state.live).set(messageId, folded) }
}

/** Messages of the branch shown, oldest first, as far back as they are known. */
export function threadOf(state: ThreadState, leafId = state.leafId): Message[] {
  const thread: Message[] = []
  for (let message = known(state, leafId); message; message = known(state, parentOf(message))) {
    thread.push(message)
  }
  return thread.reverse()
}

/** The answer being written at the end of the branch shown. */
export function runningLeaf(state: ThreadState): Message | null {
  const leaf = known(state, state.leafId)
  return leaf && !isFinished(leaf) ? leaf : null
}

/** The message above the first known one: what to read to go further back; null at the root. */
export function earlierThan(state: ThreadState): string | null {
  const [first] = threadOf(state)
  return first ? parentOf(first) : state.leafId
}

/** Ids of the messages that share this one's parent, itself among them. */
export function siblingsOf(state: ThreadState, message: Message): readonly string[] {
  return state.children.get(parentOf(message) ?? '') ?? [message.id]
}

/** Where to go when somebody picks this message among its siblings; null when only the server can tell. */
export function leafBelow(state: ThreadState, messageId: string): string | null {
  if (!state.messages.has(messageId)) return null
  let leaf = state.lastLeaf.get(messageId) ?? messageId
  for (let next = newestChild(state, leaf); next !== undefined; next = newestChild(state, leaf)) leaf = next
  return leaf
}

/** The parent on the first path, which is the one that threads follow. */
export function parentOf(message: Message): string | null {
  return message.parents[0]?.id ?? null
}

/** Parts to show: what has streamed in so far, or what the finished message holds. */
export function partsOf(message: Message, live?: LiveParts): LiveParts {
  return live ?? message.parts.flatMap(toLivePart)
}

function toLivePart(part: Message['parts'][number]): LiveParts {
  if (part.__typename === 'TextPart')
    return [{ index: part.index, kind: 'TEXT', revision: 0, text: part.text }]
  return [{ index: part.index, kind: 'REASONING', revision: 0, text: part.text }]
}

function newestChild(state: ThreadState, id: string): string | undefined {
  return state.children.get(id)?.findLast((child) => state.messages.has(child))
}

function known(state: ThreadState, id: string | null): Message | undefined {
  return id === null ? undefined : state.messages.get(id)
}

/** A finished message is final; of one under way an older state may arrive late, as in the answer to a mutation. */
function supersedes(message: Message, held: Message | undefined): boolean {
  if (!held) return true
  if (isFinished(held)) return false
  return message.status !== 'PENDING' || held.status === 'PENDING'
}

/** The longest list is the newest: siblings are only ever added. */
function noteSiblings(children: Map<string, readonly string[]>, message: Message): void {
  const key = parentOf(message) ?? ''
  const listed = message.siblings.map(({ id }) => id)
  const ids = listed.includes(message.id) ? listed : [...listed, message.id]
  if (ids.length > (children.get(key)?.length ?? 0)) children.set(key, ids)
}
