import type { ReactNode } from 'react'
import { pickSibling } from '../conversation/actions.ts'
import type { ConversationStore } from '../conversation/conversation-store.ts'
import { IconButton } from '../ui/icon-button.tsx'

/** The row below a message. Quiet until the message is pointed at or focused, but always there for a finger. */
export function MessageActions({ end, children }: { end: boolean; children: ReactNode }) {
  return (
    <div
      className={`mt-1 flex h-8 items-center gap-0.5 opacity-0 transition-opacity focus-within:opacity-100 [section:last-of-type>article:last-of-type_&]:opacity-100 group-hover:opacity-100 pointer-coarse:h-11 pointer-coarse:opacity-100 ${end ? 'justify-end' : '-ms-1.5'}`}
    >
      {children}
    </div>
  )
}

type SwitchProps = { store: ConversationStore; messageId: string; siblings: readonly string[] }

/** ‹ 2/3 › where a message has siblings. */
export function BranchSwitch({ store, messageId, siblings }: SwitchProps) {
  if (siblings.length < 2) return null
  const index = siblings.indexOf(messageId)
  const pick = (id: string | undefined): void => {
    if (id !== undefined) void pickSibling(store, id)
  }
  return (
    <div role="group" aria-label="Versions" className="flex items-center text-muted text-sm tabular-nums">
      <IconButton
        icon="left"
        label="Previous version"
        disabled={index <= 0}
        onClick={() => pick(siblings[index - 1])}
        className="size-7"
      />
      <span aria-live="polite">
        {index + 1}/{siblings.length}
      </span>
      <IconButton
        icon="right"
        label="Next version"
        disabled={index === siblings.length - 1}
        onClick={() => pick(siblings[index + 1])}
        className="size-7"
      />
    </div>
  )
}
