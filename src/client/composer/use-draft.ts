import { useEffect, useRef, useState } from 'react'
import type { Place } from '../outbox/place.ts'
import { usePage } from '../page.tsx'

/**
 * The text of a field, kept as the draft of `place`, and of whatever place that becomes. What another tab writes there
 * is taken over only while nobody is at this one.
 */
export function useDraft(place: Place) {
  const { drafts } = usePage()
  const [text, setText] = useState(() => drafts.get(place))
  const before = useRef(place)
  useEffect(() => {
    if (before.current !== place) drafts.move(before.current, place)
    before.current = place
    return drafts.subscribe((written) => {
      if (written === place && !document.hasFocus()) setText(drafts.get(place))
    })
  }, [drafts, place])
  const write = (next: string): void => {
    setText(next)
    drafts.set(place, next)
  }
  /** `sent`: when the text is kept elsewhere. */
  const clear = (sent: Promise<void>): void => {
    setText('')
    void drafts.clear(place, sent)
  }
  return { text, write, clear }
}
