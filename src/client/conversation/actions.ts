import type { CombinedError } from '@urql/core'
import { saveDraft } from '../composer/drafts.ts'
import { graphql } from '../graphql/index.ts'
import { notify } from '../ui/notices.tsx'
import type { ConversationStore } from './conversation-store.ts'
import { isOwnKey, newKey, type Outgoing } from './outgoing.ts'
import {
  addMessages,
  earlierThan,
  leafBelow,
  type Message,
  noteHead,
  parentOf,
  runningLeaf,
  showLeaf,
} from './thread-state.ts'

const createConversation = graphql(`
  mutation CreateConversation($input: CreateConversationInput!) {
    createConversation(input: $input) {
      conversation { ...ConversationSnapshot ...ConversationItem }
      userErrors { code message }
    }
  }
`)

graphql(`
  fragment SendPayload on SendMessagePayload {
    userMessage { ...MessageFields }
    generation { id message { ...MessageFields } }
    conversation { ...ConversationItem head { id } }
    userErrors { code message }
  }
`)

const sendMessage = graphql(`
  mutation SendMessage($input: SendMessageInput!) {
    sendMessage(input: $input) { ...SendPayload }
  }
`)

const editMessage = graphql(`
  mutation EditMessage($input: EditMessageInput!) {
    editMessage(input: $input) { ...SendPayload }
  }
`)

const regenerateMessage = graphql(`
  mutation RegenerateMessage($input: RegenerateMessageInput!) {
    regenerateMessage(input: $input) { ...SendPayload }
  }
`)

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

/** Says something at the end of the branch shown; makes the conversation when there is none. */
export async function send(store: ConversationStore, text: string, modelId: string | null): Promise<void> {
  const { leafId, headId } = store.latest.thread
  await dispatch(store, { ...request('send', modelId), parentId: leafId, headId, text })
}

/** Says it differently: a sibling of the message, and an answer to it. */
export async function edit(
  store: ConversationStore,
  message: Message,
  text: string,
  modelId: string | null,
): Promise<void> {
  const place = { parentId: parentOf(message), targetId: message.id, headId: store.latest.thread.headId }
  await dispatch(store, { ...request('edit', modelId), ...place, text })
}

/** Asks for another answer beside this one. */
export async function regenerate(
  store: ConversationStore,
  message: Message,
  modelId: string | null,
): Promise<void> {
  const place = { parentId: parentOf(message), targetId: message.id, headId: store.latest.thread.headId }
  await dispatch(store, { ...request('regenerate', modelId), ...place })
}

/** Sends again what did not get through, under its key. */
export async function retry(store: ConversationStore): Promise<void> {
  const { outgoing } = store.latest
  if (outgoing) await dispatch(store, { ...outgoing, failure: null })
}

/** Sends what an earlier page was still waiting for when it was closed. */
export async function resend(store: ConversationStore): Promise<void> {
  const { outgoing } = store.latest
  if (outgoing && !isOwnKey(outgoing.key)) await retry(store)
}

/** Gives up what did not get through. */
export function discard(store: ConversationStore): void {
  if (store.latest.id === null) saveDraft(null, '')
  store.setOutgoing(null)
}

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
  const input = { clientMutationId: newKey(), conversationId: store.latest.id!, leafId }
  const { error } = await store.client.mutation(setHead, { input }).toPromise()
  if (error) notify(explain(error))
}

/** Answers in this conversation come from that model from now on. */
export async function pickModel(store: ConversationStore, modelId: string): Promise<void> {
  store.update({ defaultModelId: modelId })
  const conversationId = store.latest.id
  if (conversationId === null) return
  const input = { clientMutationId: newKey(), conversationId, defaultModelId: modelId }
  const { error } = await store.client.mutation(setDefaultModel, { input }).toPromise()
  if (error) notify(explain(error))
}

/** Reads the messages before the first one that is known. */
export async function loadEarlier(store: ConversationStore): Promise<void> {
  const before = earlierThan(store.latest.thread)
  if (before !== null) await loadBranch(store, before)
}

function request(kind: Outgoing['kind'], modelId: string | null): Outgoing {
  return {
    key: newKey(),
    kind,
    parentId: null,
    headId: null,
    targetId: null,
    text: null,
    modelId,
    failure: null,
  }
}

async function dispatch(store: ConversationStore, outgoing: Outgoing): Promise<void> {
  store.setOutgoing(outgoing)
  const failure = (await ensureConversation(store, outgoing)) ?? (await deliver(store, outgoing))
  // An event may have confirmed what the answer to the request did not.
  if (failure !== null && store.latest.outgoing?.key === outgoing.key)
    store.setOutgoing({ ...outgoing, failure })
}

/** Null when the conversation is there, else why it could not be made. */
async function ensureConversation(store: ConversationStore, outgoing: Outgoing): Promise<string | null> {
  if (store.latest.id !== null) return null
  const input = { clientMutationId: `${outgoing.key}-conversation`, defaultModelId: outgoing.modelId }
  const { data, error } = await store.client.mutation(createConversation, { input }).toPromise()
  const payload = data?.createConversation
  if (!payload?.conversation)
    return error ? explain(error) : (payload?.userErrors[0]?.message ?? unknownFailure)
  store.receive(payload.conversation)
  store.setOutgoing(outgoing)
  saveDraft(null, '')
  return null
}

/** Null when the server has it, else why not. */
async function deliver(store: ConversationStore, outgoing: Outgoing): Promise<string | null> {
  const { payload, error } = await mutate(store, outgoing)
  const leaf = payload?.generation?.message ?? payload?.userMessage
  if (!payload || !leaf) return error ? explain(error) : (payload?.userErrors[0]?.message ?? unknownFailure)
  const added = addMessages(store.latest.thread, payload.userMessage ? [payload.userMessage, leaf] : [leaf])
  const headId = payload.conversation?.head?.id ?? added.headId
  store.update({ thread: showLeaf(noteHead(added, headId), leaf.id) })
  store.setOutgoing(null)
  return null
}

async function mutate(store: ConversationStore, { key, kind, headId, parentId, ...outgoing }: Outgoing) {
  const generate = { modelId: outgoing.modelId }
  const common = { clientMutationId: key, generate }
  const text = outgoing.text ?? ''
  const messageId = outgoing.targetId ?? ''
  switch (kind) {
    case 'send': {
      const place = { conversationId: store.latest.id!, parentId, expectedHeadId: headId }
      const { data, error } = await store.client
        .mutation(sendMessage, { input: { ...common, ...place, text } })
        .toPromise()
      return { payload: data?.sendMessage, error }
    }
    case 'edit': {
      const input = { ...common, messageId, text }
      const { data, error } = await store.client.mutation(editMessage, { input }).toPromise()
      return { payload: data?.editMessage, error }
    }
    case 'regenerate': {
      const input = { ...common, messageId }
      const { data, error } = await store.client.mutation(regenerateMessage, { input }).toPromise()
      return { payload: data?.regenerateMessage, error }
    }
  }
}

async function loadBranch(store: ConversationStore, leafId: string): Promise<boolean> {
  const { data, error } = await store.client
    .query(branchQuery, { conversationId: store.latest.id!, leafId }, { requestPolicy: 'network-only' })
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

const unknownFailure = 'The server did not say why'

/** An error in words for people. */
export function explain(error: CombinedError): string {
  if (error.networkError) return 'The server cannot be reached'
  const [first] = error.graphQLErrors
  const requestId = first?.extensions.requestId
  const hint = typeof requestId === 'string' ? ` (request ${requestId})` : ''
  return `${first?.message ?? unknownFailure}${hint}`
}
