import type { Place } from './place.ts'

/** Why something has not got through. */
export type Problem = {
  /** Of the server's error; null when it could not be reached. */
  readonly code: string | null
  /** For people. */
  readonly reason: string
  /** Trying again will not help: the viewer has to decide. */
  readonly final: boolean
}

/** Something that the viewer asked for and the server has not confirmed. */
export type OutboxItem = {
  /** Its name, and what makes a second try harmless. */
  readonly key: string
  readonly kind: 'send' | 'edit' | 'regenerate' | 'continue'
  readonly place: Place
  /** Of what began a conversation, until the conversation has a message. */
  readonly origin: Origin | null
  /** Milliseconds since 1970: when the viewer last asked for it. */
  readonly askedAt: number
  /** The item whose answer it follows; null when `parentId` says what it follows. */
  readonly after: string | null
  /** Message below which it appears; null at the beginning of the conversation. */
  readonly parentId: string | null
  /** The head that the viewer saw. */
  readonly headId: string | null
  /** The message that is edited or answered again, or the run whose answer goes on. */
  readonly targetId: string | null
  /** What the viewer says; null when only an answer is asked for. */
  readonly text: string | null
  readonly modelId: string | null
  /** Null while nothing is known to be wrong. */
  readonly problem: Problem | null
}

/** Where a conversation began before it existed, and the key under which it is made. */
export type Origin = { readonly place: Place; readonly key: string }

/** What this browser still has to tell the server. */
export type OutboxState = {
  /** In the order in which it was said. */
  readonly items: readonly OutboxItem[]
  /** Conversations that were made for a first message which never came to be: to be deleted. */
  readonly leftovers: readonly string[]
}

export const emptyOutbox: OutboxState = { items: [], leftovers: [] }

export type OutboxChange = (state: OutboxState) => OutboxState

export function itemsAt({ items }: OutboxState, place: Place): OutboxItem[] {
  return items.filter((item) => item.place === place)
}

/**
 * What is to be sent next in a place: the oldest item that follows a message which is there, `isUnderWay` tells which
 * of them are still being written, and that nobody has to decide about.
 */
export function nextAt(
  state: OutboxState,
  place: Place,
  isUnderWay: (messageId: string) => boolean,
): OutboxItem | null {
  const isReady = ({ after, parentId, problem }: OutboxItem): boolean =>
    after === null && !problem?.final && !(parentId !== null && isUnderWay(parentId))
  return itemsAt(state, place).find(isReady) ?? null
}

/** Puts an item behind all others; one that is there already stays as it is. */
export function added(state: OutboxState, item: OutboxItem): OutboxState {
  return state.items.some(({ key }) => key === item.key) ? state : { ...state, items: [...state.items, item] }
}

/** The server has it: what follows it follows the message at its end. */
export function delivered(state: OutboxState, key: string, leafId: string): OutboxState {
  const item = find(state, key)
  if (!item) return state
  const items = without(state.items, key, { after: null, parentId: leafId, headId: leafId })
  return {
    ...state,
    items: items.map((other) => (other.place === item.place ? { ...other, origin: null } : other)),
  }
}

/** The answer that it follows was cut and goes on in another message: it follows that one. */
export function movedOn(state: OutboxState, key: string, leafId: string): OutboxState {
  return changed(state, key, { parentId: leafId, headId: leafId, problem: null })
}

/** The viewer does not want it any more: what follows it takes its place. */
export function withdrawn(state: OutboxState, key: string): OutboxState {
  const item = find(state, key)
  if (!item) return state
  const { after, parentId, headId } = item
  const items = without(state.items, key, { after, parentId, headId })
  const isAbandoned = isMade(item) && !items.some(({ place }) => place === item.place)
  return { items, leftovers: isAbandoned ? [...state.leftovers, item.place] : state.leftovers }
}

/** The conversation is gone, and what was said in it with it. */
export function abandoned(state: OutboxState, place: Place): OutboxState {
  return { ...state, items: state.items.filter((item) => item.place !== place) }
}

/**
 * It did not get through. For the first message of a conversation this may be final: then the conversation is as if
 * it had never been, and would be made anew under `newKey`.
 */
export function failed(state: OutboxState, key: string, problem: Problem, newKey: string): OutboxState {
  const item = find(state, key)
  if (!item) return state
  // What was said under this key before it was reworded is in the conversation.
  if (problem.code === 'IDEMPOTENCY_MISMATCH') return changed(state, key, { problem, origin: null })
  const noted = changed(state, key, { problem })
  return problem.final && isMade(item) ? unmade(noted, item.origin!, item.place, newKey) : noted
}

/** The viewer wants it tried again. A key that the server knows with another text is of no use any more. */
export function retried(state: OutboxState, key: string, newKey: string, askedAt: number): OutboxState {
  const item = find(state, key)
  if (!item) return state
  if (item.problem?.code !== 'IDEMPOTENCY_MISMATCH') return changed(state, key, { problem: null, askedAt })
  const renamed = changed(state, key, { key: newKey, problem: null, askedAt })
  return {
    ...renamed,
    items: renamed.items.map((other) => (other.after === key ? { ...other, after: newKey } : other)),
  }
}

/** The viewer says it differently. */
export function reworded(state: OutboxState, key: string, text: string): OutboxState {
  return changed(state, key, { text, problem: null })
}

/** The conversation exists from now on. */
export function made(state: OutboxState, origin: Place, conversationId: string): OutboxState {
  return {
    ...state,
    items: state.items.map((item) =>
      item.origin?.place === origin ? { ...item, place: conversationId } : item,
    ),
  }
}

/** The leftover is deleted. */
export function cleared(state: OutboxState, conversationId: string): OutboxState {
  return { ...state, leftovers: state.leftovers.filter((id) => id !== conversationId) }
}

function unmade(state: OutboxState, { place }: Origin, conversationId: string, key: string): OutboxState {
  const items = state.items.map((item) =>
    item.origin?.place === place ? { ...item, place, origin: { place, key } } : item,
  )
  return { items, leftovers: [...state.leftovers, conversationId] }
}

/** Whether it is the only reason why its conversation exists. */
function isMade({ origin, place }: OutboxItem): boolean {
  return origin !== null && origin.place !== place
}

function find({ items }: OutboxState, key: string): OutboxItem | undefined {
  return items.find((item) => item.key === key)
}

function changed(state: OutboxState, key: string, change: Partial<OutboxItem>): OutboxState {
  return {
    ...state,
    items: state.items.map((item) => (item.key === key ? { ...item, ...change } : item)),
  }
}

/** Takes an item out; `place` is where those that followed it stand from then on. */
function without(
  items: readonly OutboxItem[],
  key: string,
  place: Pick<OutboxItem, 'after' | 'parentId' | 'headId'>,
): OutboxItem[] {
  return items
    .filter((item) => item.key !== key)
    .map((item) => (item.after === key ? { ...item, ...place } : item))
}
