import { type KeyboardEvent, useLayoutEffect, useRef, useState } from 'react'
import type { Place } from '../outbox/place.ts'
import { usePage } from '../page.tsx'
import { growToFit, sends } from './composer.tsx'

type Props = {
  /** Names its draft. */
  place: Place
  /** What was said. */
  text: string
  /** What `onSubmit` does. */
  action?: 'Send' | 'Save'
  onCancel(): void
  onSubmit(text: string): void
}

/** Changes what was said. What has been changed so far is kept, like every draft, until it is sent or called off. */
export function Editor({ place, text, action = 'Send', onCancel, onSubmit }: Props) {
  const { drafts } = usePage()
  const [changed, setChanged] = useState(drafts.get(place) || text)
  const field = useRef<HTMLTextAreaElement>(null)
  useLayoutEffect(() => growToFit(field.current), [changed])
  useLayoutEffect(() => {
    field.current?.focus()
    field.current?.setSelectionRange(-1, -1)
  }, [])
  const cancel = (): void => {
    drafts.set(place, '')
    onCancel()
  }
  const submit = (): void => {
    if (changed.trim() === '') return
    drafts.set(place, '')
    onSubmit(changed)
  }
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.key === 'Escape') {
      event.preventDefault()
      cancel()
    } else if (sends(event)) {
      event.preventDefault()
      submit()
    }
  }
  return (
    <form
      className="rounded-3xl border border-line-strong bg-bubble p-2"
      onSubmit={(event) => {
        event.preventDefault()
        submit()
      }}
    >
      <textarea
        ref={field}
        rows={1}
        value={changed}
        onChange={(event) => {
          setChanged(event.target.value)
          drafts.set(place, event.target.value)
        }}
        onKeyDown={onKeyDown}
        aria-label="Edit message"
        className="block max-h-[50dvh] w-full resize-none bg-transparent px-2.5 py-1.5 leading-relaxed outline-none"
      />
      <div className="flex justify-end gap-2 pt-1">
        <button
          type="button"
          onClick={cancel}
          className="h-9 rounded-full px-4 font-medium text-sm hover:bg-hover pointer-coarse:h-11"
        >
          Cancel
        </button>
        <button
          type="submit"
          className="h-9 rounded-full bg-accent px-4 font-medium text-on-accent text-sm hover:brightness-110 pointer-coarse:h-11"
        >
          {action}
        </button>
      </div>
    </form>
  )
}
