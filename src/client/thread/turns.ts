import type { Message } from '../conversation/thread-state.ts'

/** What somebody said and the answer to it. */
export type Turn = { readonly key: string; readonly messages: readonly Message[] }

/**
 * Cuts a thread into turns; each begins with what a person said, but for answers whose question is not loaded. An
 * answer that was cut and what continues it are in one.
 */
export function toTurns(thread: readonly Message[]): Turn[] {
  const turns: { key: string; messages: Message[] }[] = []
  for (const message of thread) {
    const last = turns.at(-1)
    const begins = message.role === 'USER' && !message.isContinuation
    if (begins || !last) turns.push({ key: message.id, messages: [message] })
    else last.messages.push(message)
  }
  return turns
}
