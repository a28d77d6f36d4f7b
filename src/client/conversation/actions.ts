import { graphql } from '../graphql/index.ts'
import { explain } from '../outbox/deliver.ts'
import { newKey } from '../outbox/key.ts'
import { isNewPlace } from '../outbox/place.ts'
import { notify } from '../ui/notices.tsx'
import type { ConversationStore } from './conversation-store.ts'
import { addMessages, earlierThan, leafBelow, noteHead, runningLeaf, showLeaf } from './thread-state.ts'

const cancelGeneration = graphql(`
  mutation CancelGeneration($input: CancelGenerationInput!) {
    cancelGeneration(input: $input) {
      generation { id message { ...MessageFields } }
      userErrors { code message }
    }
  }
`)

const setHead = graphql(`
  mutation SetHead($input: SetHeadInput!) {
    setHead(input: $input) {
      userErrors { code message }
    }
  }
`)

const setDefaultModel = graphql(`
  mutation SetDefaultModel($input: UpdateConversationInput!) {
    updateConversation(input: $input) {
      conversation { id defaultModel { id } }
      userErrors { code message }
    }
  }
`)

const branchQuery = graphql(`
  query Branch($conversationId: ID!, $leafId: ID!) {
    conversation(id: $conversationId) {
      id
      thread(leafId: $leafId, last: 50) { nodes { ...MessageFields } }
    }
  }
`)

const descendantsQuery = graphql(`
  query Descendants($id: ID!) {
    message(id: $id) { id children { id children { id children { id children { id } } } } }
  }
`)

/** Stops the answer at the end of the branch shown; what has been written stays. */
export async function stop(store: ConversationStore): Promise<void> {
  const generationId = runningLeaf(store.latest.thread)?.generation?.id
  if (generationId === undefined || generationId === store.latest.stoppingId) return
  store.update({ stoppingId: generationId })
  const { data, error } = await store.client
    .mutation(cancelGeneration, { input: { clientMutationId: newKey(), generationId } })
    .toPromise()
  const stopped = data?.cancelGeneration?.generation
  if (stopped) store.update({ thread: addMessages(store.latest.thread, [stopped.message]) })
  if (error) {
    store.update({ stoppingId: null })
    notify(explain(error))
  }
}

/** Shows another of the siblings at this point, with what was last shown below it. */
export async function pickSibling(store: ConversationStore, messageId: string): Promise<void> {
  const { thread } = store.latest
  const leafId = leafBelow(thread, messageId) ?? (await findLeaf(store, messageId))
  if (leafId === null) return
  if (!thread.messages.has(leafId) && !(await loadBranch(store, leafId))) return
  store.update({ thread: noteHead(showLeaf(store.latest.thread, leafId), leafId) })
  const input = { clientMutationId: newKey(), conversationId: store.latest.place, leafId }
  const { error } = await store.client.mutation(setHead, { input }).toPromise()
  if (error) notify(explain(error))
}

/** Shows the branch that ends at `leafId`; null is the beginning of the conversation. */
export async function showBranch(store: ConversationStore, leafId: string | null): Promise<void> {
  const isKnown = leafId === null || store.latest.thread.messages.has(leafId)
  if (isKnown || (await loadBranch(store, leafId)))
    store.update({ thread: showLeaf(store.latest.thread, leafId) })
}

/** Answers in this conversation come from that model from now on. */
export async function pickModel(store: ConversationStore, modelId: string): Promise<void> {
  store.update({ defaultModelId: modelId })
  const conversationId = store.latest.place
  if (isNewPlace(conversationId)) return
  const input = { clientMutationId: newKey(), conversationId, defaultModelId: modelId }
  const { error } = await store.client.mutation(setDefaultModel, { input }).toPromise()
  if (error) notify(explain(error))
}

/** Reads the messages before the first one that is known. */
export async function loadEarlier(store: ConversationStore): Promise<void> {
  const before = earlierThan(store.latest.thread)
  if (before !== null) await loadBranch(store, before)
}

async function loadBranch(store: ConversationStore, leafId: string): Promise<boolean> {
  const { data, error } = await store.client
    .query(branchQuery, { conversationId: store.latest.place, leafId }, { requestPolicy: 'network-only' })
    .toPromise()
  if (error) notify(explain(error))
  if (!data?.conversation) return false
  store.update({ thread: addMessages(store.latest.thread, data.conversation.thread.nodes) })
  return true
}

type Descendant = { readonly id: string; readonly children?: readonly Descendant[] }

/** Goes down by the newest children, a few at a time, to the end of a branch that this page has not seen. */
async function findLeaf(store: ConversationStore, messageId: string): Promise<string | null> {
  const { data, error } = await store.client
    .query(descendantsQuery, { id: messageId }, { requestPolicy: 'network-only' })
    .toPromise()
  if (error) notify(explain(error))
  let node: Descendant | null | undefined = data?.message
  if (!node) return null
  while (node.children?.length) node = node.children.at(-1)!
  return node.children ? node.id : findLeaf(store, node.id)
}
