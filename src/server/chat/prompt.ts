import type { Db } from '../db/connect.ts'
import type { PromptMessage, ProviderRequest } from '../llm/provider.ts'
import type { Run } from './chat.ts'
import { type Message, pathTo, textOf } from './messages.ts'

/** What the model is sent for a generation: the path from the root to the message that it answers. */
export async function readPrompt(db: Db, run: Run): Promise<ProviderRequest> {
  // The answer itself ends the path, and is still empty.
  const path = await pathTo(db, run.message_id)
    .innerJoin('conversation', 'conversation.id', 'message.conversation_id')
    .select('conversation.system_prompt')
    .execute()
  return {
    model: run.model.slice(run.model.indexOf(':') + 1),
    system: path[0]?.system_prompt ?? null,
    messages: toPrompt(path),
    parameters: run.parameters,
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
