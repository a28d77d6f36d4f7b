import { type KeyboardEvent, type ReactNode, type RefObject, useLayoutEffect, useState } from 'react'
import { IconButton } from '../ui/icon-button.tsx'
import { readDraft, saveDraft } from './drafts.ts'

type Props = {
  /** Whose draft it keeps; null is the conversation that does not exist yet. */
  conversationId: string | null
  field: RefObject<HTMLTextAreaElement | null>
  /** While an answer is under way, Stop stands where Send does. */
  answering: boolean
  stopping: boolean
  onSend(text: string): void
  onStop(): void
  /** Called for ArrowUp in an empty field. */
  onRecall(): void
  /** Stands to the left of Send. */
  children: ReactNode
}

export function Composer({
  conversationId,
  field,
  answering,
  stopping,
  onSend,
  onStop,
  onRecall,
  children,
}: Props) {
  const [text, setText] = useState(() => readDraft(conversationId))
  useLayoutEffect(() => growToFit(field.current), [field, text])
  const write = (next: string): void => {
    setText(next)
    saveDraft(conversationId, next)
  }
  const send = (): void => {
    if (answering || text.trim() === '') return
    onSend(text)
    setText('')
    // The draft of a conversation that does not exist yet stays until it does: nothing else would survive a reload.
    if (conversationId !== null) saveDraft(conversationId, '')
  }
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.key === 'ArrowUp' && text === '') return onRecall()
    if (!sends(event)) return
    event.preventDefault()
    send()
  }
  return (
    <form
      className="rounded-3xl border border-line-strong/70 bg-raised p-2 shadow-float transition-colors focus-within:border-line-strong"
      onSubmit={(event) => {
        event.preventDefault()
        send()
      }}
    >
      <textarea
        ref={field}
        rows={1}
        value={text}
        onChange={(event) => write(event.target.value)}
        onKeyDown={onKeyDown}
        aria-label="Message"
        placeholder="Ask anything"
        enterKeyHint={hasFinePointer() ? 'send' : 'enter'}
        className="block max-h-[40dvh] w-full resize-none bg-transparent px-3 pt-2 pb-1 text-base leading-6 outline-none placeholder:text-muted"
      />
      <div className="flex items-center justify-between gap-2 pt-1">
        {children}
        {answering ? (
          <IconButton icon="stop" label="Stop" disabled={stopping} onClick={onStop} className={roundButton} />
        ) : (
          <IconButton
            icon="send"
            label="Send"
            type="submit"
            disabled={text.trim() === ''}
            className={roundButton}
          />
        )}
      </div>
    </form>
  )
}

const roundButton =
  'size-9! rounded-full! bg-accent! text-on-accent! hover:brightness-110 disabled:bg-line-strong! disabled:text-canvas! disabled:opacity-100! pointer-coarse:size-11!'

/** Enter sends, but not while an input method composes, and not where there is only a touch keyboard. */
export function sends(event: KeyboardEvent): boolean {
  if (event.key !== 'Enter' || event.shiftKey || event.altKey || event.nativeEvent.isComposing) return false
  // Safari ends the composition before it reports the key.
  if (event.nativeEvent.keyCode === 229) return false
  return hasFinePointer() || event.ctrlKey || event.metaKey
}

export function hasFinePointer(): boolean {
  return matchMedia('(any-pointer: fine)').matches
}

/** As high as its text; the style sheet sets the limit, beyond which it scrolls. */
export function growToFit(field: HTMLTextAreaElement | null): void {
  if (!field) return
  field.style.height = 'auto'
  field.style.height = `${field.scrollHeight}px`
}
