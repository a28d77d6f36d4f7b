import { type KeyboardEvent, memo, useLayoutEffect, useRef, useState } from 'react'
import { growToFit, sends } from '../composer/composer.tsx'
import { edit } from '../conversation/actions.ts'
import type { ConversationStore } from '../conversation/conversation-store.ts'
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
      void edit(store, message, changed, modelId)
    }
    return <Editor text={text} onCancel={() => onEdit(null)} onSubmit={submit} />
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

type EditorProps = { text: string; onCancel(): void; onSubmit(text: string): void }

/** Changes what was said; the message stays as it was, beside the new one. */
function Editor({ text, onCancel, onSubmit }: EditorProps) {
  const [changed, setChanged] = useState(text)
  const field = useRef<HTMLTextAreaElement>(null)
  useLayoutEffect(() => growToFit(field.current), [changed])
  useLayoutEffect(() => {
    field.current?.focus()
    field.current?.setSelectionRange(-1, -1)
  }, [])
  const submit = (): void => {
    if (changed.trim() !== '') onSubmit(changed)
  }
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.key === 'Escape') {
      event.preventDefault()
      onCancel()
    } else if (sends(event)) {
      event.preventDefault()
      submit()
    }
  }
  return (
    <form
      className="mt-6 mb-5 rounded-3xl border border-line-strong bg-bubble p-2"
      onSubmit={(event) => {
        event.preventDefault()
        submit()
      }}
    >
      <textarea
        ref={field}
        rows={1}
        value={changed}
        onChange={(event) => setChanged(event.target.value)}
        onKeyDown={onKeyDown}
        aria-label="Edit message"
        className="block max-h-[50dvh] w-full resize-none bg-transparent px-2.5 py-1.5 leading-relaxed outline-none"
      />
      <div className="flex justify-end gap-2 pt-1">
        <button
          type="button"
          onClick={onCancel}
          className="h-9 rounded-full px-4 font-medium text-sm hover:bg-hover pointer-coarse:h-11"
        >
          Cancel
        </button>
        <button
          type="submit"
          className="h-9 rounded-full bg-accent px-4 font-medium text-on-accent text-sm hover:brightness-110 pointer-coarse:h-11"
        >
          Send
        </button>
      </div>
    </form>
  )
}
