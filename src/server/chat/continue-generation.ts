import type { Viewer } from '../auth/viewer.ts'
import type { GenerationRow } from '../db/tables.ts'
import { ChatError } from '../errors.ts'
import { type GenerationId, newId } from '../ids.ts'
import type { FinishReason } from '../llm/provider.ts'
import { type Conversation, findConversations, requireConversation } from './access.ts'
import type { Chat } from './chat.ts'
import { type Mutation, mutate, type Unit } from './commit.ts'
import { addGeneration, createGeneration, findGenerations, isActive } from './generations.ts'
import { moveHead, moveHeadsOn } from './heads.ts'
import { appendUserMessage, findMessage, type Message, type Parent, textOf } from './messages.ts'
import { type Generate, type Plan, requirePlan } from './parameters.ts'

/** A turn of its own: not every model lets somebody else begin its answer. */
const request = 'Continue exactly where you stopped.'

export type ContinueGenerationInput = {
  readonly clientMutationId: string | null
  readonly generationId: GenerationId
  /** Null: the same model with the same parameters. */
  readonly generate: Generate | null
}

/**
 * Lets a model go on with an answer that was cut: appends a turn that asks for it, and starts the generation that
 * answers. Doing it twice makes two branches. Throws ChatError NOT_FOUND, CONFLICT while the answer is being written,
 * INVALID for one that has nothing to go on with, QUOTA_EXCEEDED, MODEL_UNAVAILABLE.
 */
export async function continueGeneration(chat: Chat, viewer: Viewer, input: ContinueGenerationInput) {
  return mutate(chat, viewer, 'continueGeneration', input, async (mutation) => {
    const { conversation, run, answer } = await requireCut(mutation, input.generationId)
    const plan = planToGoOn(chat, run, input.generate)
    const turn = askToGoOn(mutation, conversation, answer)
    const generation = await createGeneration(chat, mutation, conversation, turn, plan)
    moveHead(mutation, conversation, generation.message_id)
    mutation.changes.announce(conversation.id)
    return { conversation: conversation.id, userMessage: turn.id, generation: generation.id }
  })
}

type Cut = { readonly conversation: Conversation; readonly run: GenerationRow; readonly answer: Message }

async function requireCut({ tx, viewer }: Mutation, id: GenerationId): Promise<Cut> {
  const path = ['generationId']
  const [found] = await findGenerations(tx, viewer, [id])
  if (!found) throw new ChatError('NOT_FOUND', 'Cannot find the generation', path)
  const conversation = await requireConversation(tx, viewer, found.conversation_id)
  // Read again under the lock: it may have ended meanwhile.
  const [run = found] = await findGenerations(tx, viewer, [id])
  if (isActive(run)) throw new ChatError('CONFLICT', 'Cannot continue: the answer is being written', path)
  const answer = await findMessage(tx, conversation, run.message_id)
  if (!answer || answer.parts.length === 0 || !wasCut(run)) {
    throw new ChatError('INVALID', 'Cannot continue: the answer was not cut', path)
  }
  return { conversation, run, answer }
}

const cuts: readonly (FinishReason | null)[] = ['LENGTH', 'PAUSE', 'CANCELED', 'INTERRUPTED']

/** Whether an answer ends where its model would have said more. */
function wasCut({ finish_reason }: GenerationRow): boolean {
  return cuts.includes(finish_reason)
}

function planToGoOn({ models }: Chat, run: GenerationRow, generate: Generate | null): Plan {
  const plan = requirePlan(models, generate ?? {}, run.model)
  return generate === null && plan.model === run.model ? { ...plan, parameters: run.parameters } : plan
}

function askToGoOn(mutation: Mutation, conversation: Conversation, answer: Message): Parent {
  const { viewer } = mutation
  return appendUserMessage(mutation, viewer, conversation, answer, request, { isContinuation: true })
}

/** How many times in a row an answer goes on by itself, and how many of those may bring little. */
const mostContinuations = 10
const mostIdle = 3
/** UTF-16 units. */
const little = 200

/**
 * Lets an answer that was just cut off, because its process is gone, go on by itself where its conversation wants
 * that, and has not been cut off too often: the turn and its run, which waits in the queue, come with the caller's
 * transaction. Heads that stood on the answer follow.
 */
export async function continueByItself(chat: Chat, unit: Unit, run: GenerationRow): Promise<void> {
  const viewer = await viewerOf(unit, run)
  const [conversation] = await findConversations(unit.tx, viewer, [run.conversation_id])
  if (!conversation || (conversation.recovery ?? chat.recovery) !== 'AUTO') return
  const answer = await findMessage(unit.tx, conversation, run.message_id)
  const counts = answer && countsAfter(run, answer)
  if (!counts) return
  const mutation = { ...unit, viewer }
  const turn = askToGoOn(mutation, conversation, answer)
  const { model, parameters } = run
  const plan = { id: newId<GenerationId>(), owner: null, model, parameters, ...counts }
  const { message_id } = addGeneration(mutation, conversation, turn, plan)
  moveHeadsOn(unit, conversation, answer.id, message_id)
}

/** What the next run of a chain begins with; null: the chain ends. */
function countsAfter(run: GenerationRow, answer: Message) {
  const broughtLittle = run.continuations > 0 && textOf(answer.parts).length < little
  const idle_continuations = broughtLittle ? run.idle_continuations + 1 : 0
  const ends = run.continuations >= mostContinuations || idle_continuations >= mostIdle
  return ends ? null : { continuations: run.continuations + 1, idle_continuations }
}

function viewerOf({ tx }: Unit, { viewer_id, conversation_id }: GenerationRow): Promise<Viewer> {
  const owner = tx.selectFrom('conversation').select('owner_id').where('id', '=', conversation_id)
  return tx
    .selectFrom('viewer')
    .select(['id', 'handle'])
    .where('id', '=', viewer_id ?? owner)
    .executeTakeFirstOrThrow()
}
