import type { ConversationStore } from '../conversation/conversation-store.ts'
import { type Message, siblingsOf, type ThreadState } from '../conversation/thread-state.ts'
import { AssistantMessage } from './assistant-message.tsx'
import { UserMessage } from './user-message.tsx'

type Props = {
  store: ConversationStore
  thread: ThreadState
  message: Message
  modelId: string | null
  editing: boolean
  onEdit(id: string | null): void
}

/** Picks out what one message needs of the thread, so that only the one being written is drawn again. */
export function MessageView({ store, thread, message, modelId, editing, onEdit }: Props) {
  const common = { store, message, modelId, siblings: siblingsOf(thread, message) }
  return message.role === 'USER' ? (
    <UserMessage {...common} editing={editing} onEdit={onEdit} />
  ) : (
    <AssistantMessage {...common} live={thread.live.get(message.id)} />
  )
}
