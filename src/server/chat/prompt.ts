import type { Db } from '../db/connect.ts'
import type { GenerationRow } from '../db/tables.ts'
import type { PromptMessage, ProviderRequest } from '../llm/provider.ts'
import { type Message, readPath, textOf } from './messages.ts'

/** What the model is sent for a generation: the path from the root to the message that it answers. */
export async function readPrompt(db: Db, generation: GenerationRow): Promise<ProviderRequest> {
  const conversation = db
    .selectFrom('conversation')
    .select('system_prompt')
    .where('id', '=', generation.conversation_id)
    .executeTakeFirstOrThrow()
  // The answer itself ends the path, and is still empty.
  const [{ system_prompt }, path] = await Promise.all([conversation, readPath(db, generation.message_id)])
  return {
    model: generation.model.slice(generation.model.indexOf(':') + 1),
    system: system_prompt,
    messages: toPrompt(path),
    parameters: generation.parameters,
  }
}

/**
 * Messages as a model takes them: roles in turn, none empty. An answer that never came leaves two questions in a
 * row, which become one; asked to go on with an answer of which there is no text, the model simply answers.
 */
export function toPrompt(path: readonly Message[]): PromptMessage[] {
  const prompt: PromptMessage[] = []
  for (const message of path) {
    const text = textOf(message.parts)
    if (text.trim() === '') continue
    const role = message.role === 'ASSISTANT' ? 'assistant' : 'user'
    const last = prompt.at(-1)
    if (message.is_continuation && last?.role !== 'assistant') continue
    if (last?.role === role) prompt[prompt.length - 1] = { role, text: `${last.text}\n\n${text}` }
    else prompt.push({ role, text })
  }
  return prompt
}
