import type { ConversationStore } from '../conversation/conversation-store.ts'
import { type Message, parentOf, siblingsOf, type ThreadState } from '../conversation/thread-state.ts'
import { AssistantMessage } from './assistant-message.tsx'
import { Seam } from './seam.tsx'
import { UserMessage } from './user-message.tsx'

type Props = {
  store: ConversationStore
  thread: ThreadState
  message: Message
  /** Its neighbours in the turn. */
  before: Message | undefined
  after: Message | undefined
  modelId: string | null
  editing: boolean
  onEdit(id: string | null): void
}

/** Picks out what one message needs of the thread, so that only the one being written is drawn again. */
export function MessageView({ store, thread, message, before, after, modelId, editing, onEdit }: Props) {
  const common = { store, message, modelId, siblings: siblingsOf(thread, message) }
  if (message.isContinuation) return <Seam {...common} messageId={message.id} />
  if (message.role === 'USER') return <UserMessage {...common} editing={editing} onEdit={onEdit} />
  const continued = after?.isContinuation ?? false
  const cut = before?.isContinuation ? thread.messages.get(parentOf(before) ?? '') : undefined
  const continues = cut !== undefined && cut.model?.id === message.model?.id
  return <AssistantMessage {...common} {...{ continues, continued }} live={thread.live.get(message.id)} />
}
