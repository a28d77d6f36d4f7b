import { readStored, store } from '../storage.ts'

/** Something that the viewer asked for and the server has not confirmed. `key` makes a second try harmless. */
export type Outgoing = {
  readonly key: string
  readonly kind: 'send' | 'edit' | 'regenerate'
  /** Message below which it appears; null at the beginning of the conversation. */
  readonly parentId: string | null
  /** The head that this page believed in. */
  readonly headId: string | null
  /** The message that is edited or answered again. */
  readonly targetId: string | null
  /** What the viewer says; null when only an answer is asked for. */
  readonly text: string | null
  readonly modelId: string | null
  /** Why it did not get through; null while it is under way. */
  readonly failure: string | null
}

const page = randomHex(8)

/** A key that no other action has, long enough for the server to keep it for a day. */
export function newKey(): string {
  return `${page}-${randomHex(12)}`
}

/** Whether an event's `clientMutationId` says that this very page caused it. */
export function isOwnKey(key: string | null | undefined): boolean {
  return key?.startsWith(page) ?? false
}

/** `crypto.randomUUID` is missing on a page that is served over plain HTTP. */
function randomHex(bytes: number): string {
  const random = crypto.getRandomValues(new Uint8Array(bytes))
  return Array.from(random, (byte) => byte.toString(16).padStart(2, '0')).join('')
}

const storageKey = (conversationId: string): string => `parley:outgoing:${conversationId}`

/** Keeps what is not confirmed over a reload: sent again with its key, it is not doubled. */
export function saveOutgoing(conversationId: string, outgoing: Outgoing | null): void {
  store(storageKey(conversationId), outgoing && JSON.stringify(outgoing))
}

export function restoreOutgoing(conversationId: string): Outgoing | null {
  const saved = readStored(storageKey(conversationId))
  return saved === null ? null : (JSON.parse(saved) as Outgoing)
}
