import { useEffect, useRef, useState } from 'react'
import type { ConversationStore } from '../conversation/conversation-store.ts'
import { holdBack } from '../conversation/say.ts'
import type { OutboxItem } from '../outbox/outbox-state.ts'
import { notify } from '../ui/notices.tsx'

/**
 * The editing of something that waits to be sent: from `begin` to `end`, or for as long as it is shown, it is not sent.
 * `onDone` is called after `end`.
 */
export function useHeldBack(store: ConversationStore, item: OutboxItem, onDone: () => void) {
  const [editing, setEditing] = useState(false)
  const letGo = useRef<(text: string | null) => void>(() => {})
  useEffect(() => () => letGo.current(null), [])
  const begin = async (): Promise<void> => {
    const held = await holdBack(store, item)
    if (held === null) return notify('It is being sent just now')
    letGo.current = held
    setEditing(true)
  }
  const end = (text: string | null): void => {
    letGo.current(text)
    setEditing(false)
    onDone()
  }
  return { editing, begin: () => void begin(), end }
}
