import type { Db } from '../db/connect.ts'
import type { GenerationRow } from '../db/tables.ts'
import type { PromptMessage, ProviderRequest } from '../llm/provider.ts'
import { type Message, readPath, textOf } from './messages.ts'

/** What the model is sent for a generation: the path from the root to the message that it answers. */
export async function readPrompt(db: Db, generation: GenerationRow): Promise<ProviderRequest> {
  const { depth, system_prompt } = await db
    .selectFrom('message')
    .innerJoin('conversation', 'conversation.id', 'message.conversation_id')
    .select(['depth', 'system_prompt'])
    .where('message.id', '=', generation.message_id)
    .executeTakeFirstOrThrow()
  const path = await readPath(db, generation.message_id, 0, depth - 1)
  return {
    model: generation.model.slice(generation.model.indexOf(':') + 1),
    system: system_prompt,
    messages: toPrompt(path),
    parameters: generation.parameters,
  }
}

/**
 * Messages as a model takes them: roles in turn, none empty. An answer that never came leaves two questions in a
 * row, which become one.
 */
export function toPrompt(path: readonly Message[]): PromptMessage[] {
  const prompt: PromptMessage[] = []
  for (const message of path) {
    const text = textOf(message.parts)
    if (text.trim() === '') continue
    const role = message.role === 'ASSISTANT' ? 'assistant' : 'user'
    const last = prompt.at(-1)
    if (last?.role === role) prompt[prompt.length - 1] = { role, text: `${last.text}\n\n${text}` }
    else prompt.push({ role, text })
  }
  return prompt
}
