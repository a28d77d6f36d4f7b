import { memo } from 'react'
import { Editor } from '../composer/editor.tsx'
import type { ConversationStore } from '../conversation/conversation-store.ts'
import { edit } from '../conversation/say.ts'
import { type Message, partsOf } from '../conversation/thread-state.ts'
import { CopyButton } from '../ui/copy-button.tsx'
import { IconButton } from '../ui/icon-button.tsx'
import { BranchSwitch, MessageActions } from './message-actions.tsx'
import { UserBubble } from './user-bubble.tsx'

type Props = {
  store: ConversationStore
  message: Message
  siblings: readonly string[]
  modelId: string | null
  editing: boolean
  onEdit(id: string | null): void
}

export const UserMessage = memo(function UserMessage({
  store,
  message,
  siblings,
  modelId,
  editing,
  onEdit,
}: Props) {
  const text = partsOf(message)
    .map((part) => part.text)
    .join('\n')
  if (editing) {
    const submit = (changed: string): void => {
      onEdit(null)
      edit(store, message, changed, modelId)
    }
    return (
      <div className="pt-6 pb-5">
        <Editor place={message.id} text={text} onCancel={() => onEdit(null)} onSubmit={submit} />
      </div>
    )
  }
  return (
    <article aria-label="You" className="group pt-6">
      <UserBubble text={text} />
      <MessageActions end>
        <IconButton icon="pencil" label="Edit message" onClick={() => onEdit(message.id)} />
        <CopyButton text={() => text} label="Copy message" />
        <BranchSwitch store={store} messageId={message.id} siblings={siblings} />
      </MessageActions>
    </article>
  )
})
