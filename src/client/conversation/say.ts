import { hold, itemLock } from '../outbox/exclusively.ts'
import { newKey } from '../outbox/key.ts'
import { added, type OutboxItem, retried, reworded, withdrawn } from '../outbox/outbox-state.ts'
import { isNewPlace } from '../outbox/place.ts'
import { notify } from '../ui/notices.tsx'
import type { ConversationStore } from './conversation-store.ts'
import { isShown } from './queue.ts'
import { leafBelow, type Message, parentOf, showLeaf } from './thread-state.ts'

/**
 * Says something at the end of what is shown: behind the answer being written, and behind what waits there already.
 * Resolves once it is kept, whatever becomes of the page.
 */
export function send(store: ConversationStore, text: string, modelId: string | null): Promise<void> {
  const { thread, outgoing } = store.latest
  const before = outgoing.findLast((item) => isShown(item, outgoing, thread))
  const follows = before
    ? { after: before.key }
    : { after: null, parentId: thread.leafId, headId: thread.headId }
  return ask(store, { kind: 'send', ...follows, text, modelId })
}

/** Says it differently: a sibling of the message, and an answer to it. */
export function edit(store: ConversationStore, message: Message, text: string, modelId: string | null): void {
  void ask(store, { kind: 'edit', ...beside(store, message), text, modelId })
}

/** Asks for another answer beside this one. */
export function regenerate(store: ConversationStore, message: Message, modelId: string | null): void {
  void ask(store, { kind: 'regenerate', ...beside(store, message), modelId })
}

/** Asks the model to go on with an answer that was cut. */
export function goOn(store: ConversationStore, { id, model, generation }: Message): void {
  const headId = store.latest.thread.headId
  const place = { parentId: id, targetId: generation?.id ?? null, headId }
  void ask(store, { kind: 'continue', ...place, modelId: model?.id ?? null })
}

/** Tries again what was refused, or waits for its next try. */
export function retry({ outbox }: ConversationStore, { key }: OutboxItem): void {
  const fresh = newKey()
  const now = Date.now()
  void outbox.change((state) => retried(state, key, fresh, now))
}

/**
 * Keeps an item from being sent, in this and every other tab, while it is changed; null when it is being sent right
 * now. The returned function lets it go, with another text or as it was.
 */
export async function holdBack(
  { outbox }: ConversationStore,
  { key }: OutboxItem,
): Promise<((text: string | null) => void) | null> {
  const release = await hold(itemLock(key))
  if (release === null) return null
  return (text) => {
    if (text === null) return release()
    void outbox.change((state) => reworded(state, key, text)).then(release)
  }
}

/** Gives up what has not been sent. It can be taken back for a while. */
export function discard(store: ConversationStore, item: OutboxItem): void {
  void store.outbox.change((state) => withdrawn(state, item.key))
  showWhatFollows(store)
  const { text, modelId } = item
  if (text === null) return
  const { kind, parentId, targetId, headId } = item
  const again = { kind, parentId, targetId, headId, text, modelId }
  const undo = (): void => void (kind === 'send' ? send(store, text, modelId) : ask(store, again))
  notify('Message discarded', { label: 'Undo', run: undo })
}

/** For the sake of what was said the page has stayed where it stood: there may be more of that branch. */
function showWhatFollows(store: ConversationStore): void {
  const { thread, outgoing } = store.latest
  if (thread.leafId === null || outgoing.some((item) => isShown(item, outgoing, thread))) return
  store.update({ thread: showLeaf(thread, leafBelow(thread, thread.leafId)) })
}

type Asked = Pick<OutboxItem, 'kind' | 'modelId'> & Partial<OutboxItem>

function ask(store: ConversationStore, asked: Asked): Promise<void> {
  const { place, outgoing, thread } = store.latest
  const item: OutboxItem = {
    key: newKey(),
    place,
    origin: isNewPlace(place) ? (outgoing[0]?.origin ?? { place, key: newKey() }) : null,
    askedAt: Date.now(),
    after: null,
    parentId: null,
    headId: null,
    targetId: null,
    text: null,
    problem: null,
    ...asked,
  }
  if (item.after === null) store.update({ thread: showLeaf(thread, item.parentId) })
  return store.outbox.change((state) => added(state, item))
}

function beside(store: ConversationStore, message: Message) {
  return { parentId: parentOf(message), targetId: message.id, headId: store.latest.thread.headId }
}
