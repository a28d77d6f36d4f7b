import { useEffect } from 'react'
import { navigate } from '../router.ts'
import { IconButton } from '../ui/icon-button.tsx'
import { ConnectionIndicator } from './connection-indicator.tsx'

/** What is talked about, and whether the server hears it; on a phone also the ways elsewhere. */
export function ChatHeader({ title, onOpenSidebar }: { title: string; onOpenSidebar(): void }) {
  useEffect(() => {
    document.title = title ? `${title} – Parley` : 'Parley'
  }, [title])
  return (
    <header className="flex h-13 shrink-0 items-center gap-2 px-2 sm:px-4">
      <IconButton icon="menu" label="Conversations" onClick={onOpenSidebar} className="md:hidden" />
      <h1 className="min-w-0 flex-1 truncate font-medium text-sm" dir="auto">
        {title}
      </h1>
      <ConnectionIndicator />
      <IconButton icon="plus" label="New chat" onClick={() => navigate(null)} className="md:hidden" />
    </header>
  )
}
