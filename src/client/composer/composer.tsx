import { type KeyboardEvent, type ReactNode, type RefObject, useLayoutEffect } from 'react'
import type { Place } from '../outbox/place.ts'
import { IconButton } from '../ui/icon-button.tsx'
import { useDraft } from './use-draft.ts'

type Props = {
  /** Whose draft it keeps. */
  place: Place
  field: RefObject<HTMLTextAreaElement | null>
  /** While an answer is under way, Stop stands where Send does, and what is sent waits for its end. */
  answering: boolean
  stopping: boolean
  /** Resolves once the text is kept. */
  onSend(text: string): Promise<void>
  onStop(): void
  /** Called for ArrowUp in an empty field. */
  onRecall(): void
  /** Stands to the left of Send. */
  children: ReactNode
}

export function Composer({ place, field, answering, stopping, onSend, onStop, onRecall, children }: Props) {
  const { text, write, clear } = useDraft(place)
  const empty = text.trim() === ''
  useLayoutEffect(() => growToFit(field.current), [field, text])
  const send = (): void => {
    if (empty) return
    clear(onSend(text))
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
        <div className="flex gap-2">
          {answering && (
            <IconButton
              icon="stop"
              label="Stop"
              disabled={stopping}
              onClick={onStop}
              className={`${roundButton} ${empty ? filled : quiet}`}
            />
          )}
          {!(answering && empty) && (
            <IconButton
              icon="send"
              label={answering ? 'Send after this answer' : 'Send'}
              type="submit"
              disabled={empty}
              className={`${roundButton} ${filled}`}
            />
          )}
        </div>
      </div>
    </form>
  )
}

const roundButton = 'size-9! rounded-full! pointer-coarse:size-11!'
const filled =
  'bg-accent! text-on-accent! hover:brightness-110 disabled:bg-line-strong! disabled:text-canvas! disabled:opacity-100!'
const quiet = 'border! border-line-strong! text-ink!'

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
