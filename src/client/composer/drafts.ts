import { readStored, store } from '../storage.ts'

/** What is typed and not sent is kept per conversation; null is the one that does not exist yet. */
const storageKey = (conversationId: string | null): string => `parley:draft:${conversationId ?? 'new'}`

export function readDraft(conversationId: string | null): string {
  return readStored(storageKey(conversationId)) ?? ''
}

export function saveDraft(conversationId: string | null, text: string): void {
  store(storageKey(conversationId), text === '' ? null : text)
}
