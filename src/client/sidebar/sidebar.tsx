import { Dialog } from '@base-ui/react/dialog'
import { type ReactNode, useEffect } from 'react'
import { navigate, pathOf } from '../router.ts'
import { IconButton } from '../ui/icon-button.tsx'
import { Icon, Mark } from '../ui/icons.tsx'
import { useMediaQuery } from '../ui/use-media-query.ts'
import { ConversationList } from './conversation-list.tsx'
import { ThemeSwitch } from './theme-switch.tsx'
import { type ConversationList as List, useConversationList } from './use-conversation-list.ts'

type Props = { open: boolean; onOpenChange(open: boolean): void }

/** The conversations: beside the chat where there is room, else in a drawer. */
export function Sidebar({ open, onOpenChange }: Props) {
  const wide = useMediaQuery('(min-width: 48rem)')
  // Followed also while the drawer is closed, so that it opens with what is there.
  const list = useConversationList()
  useNewChatKey()
  if (wide) {
    return (
      <nav aria-label="Conversations" className="flex w-68 shrink-0 flex-col border-line border-e bg-panel">
        <Contents list={list} onPick={() => {}} />
      </nav>
    )
  }
  return (
    <Dialog.Root open={open} onOpenChange={onOpenChange}>
      <Dialog.Portal>
        <Dialog.Backdrop className="fixed inset-0 z-30 bg-black/40 transition-opacity duration-200 data-ending-style:opacity-0 data-starting-style:opacity-0" />
        <Dialog.Popup
          aria-label="Conversations"
          className="fixed inset-y-0 start-0 z-30 flex w-[min(19rem,85vw)] flex-col border-line border-e bg-panel pb-[env(safe-area-inset-bottom)] outline-none transition-transform duration-200 data-ending-style:-translate-x-full data-starting-style:-translate-x-full"
        >
          <Contents list={list} onPick={() => onOpenChange(false)}>
            <Dialog.Close render={<IconButton icon="close" label="Close" />} />
          </Contents>
        </Dialog.Popup>
      </Dialog.Portal>
    </Dialog.Root>
  )
}

type ContentsProps = {
  list: List
  onPick(): void
  /** Stands beside the name. */
  children?: ReactNode
}

function Contents({ list, onPick, children }: ContentsProps) {
  return (
    <>
      <div className="flex h-13 shrink-0 items-center justify-between ps-4 pe-2">
        <span className="flex items-center gap-2.5 font-semibold tracking-tight">
          <Mark />
          Parley
        </span>
        {children}
      </div>
      <div className="px-2 pb-2">
        <a
          href={pathOf(null)}
          title="New chat (Ctrl+Shift+O)"
          onClick={(event) => {
            if (event.metaKey || event.ctrlKey || event.shiftKey) return
            event.preventDefault()
            navigate(null)
            onPick()
          }}
          className="flex h-10 items-center gap-2.5 rounded-xl border border-line bg-raised px-3 font-medium text-sm transition-colors hover:border-line-strong pointer-coarse:h-11"
        >
          <Icon name="plus" className="size-4.5 text-muted" />
          New chat
        </a>
      </div>
      <ConversationList list={list} onPick={onPick} />
      <div className="flex h-12 shrink-0 items-center justify-between border-line border-t ps-4 pe-2">
        <a
          href="/graphql"
          target="_blank"
          rel="noopener"
          className="text-muted text-sm hover:text-ink hover:underline"
        >
          GraphQL API
        </a>
        <ThemeSwitch />
      </div>
    </>
  )
}

function useNewChatKey(): void {
  useEffect(() => {
    const listen = (event: KeyboardEvent): void => {
      if (!(event.ctrlKey || event.metaKey) || !event.shiftKey || event.key.toLowerCase() !== 'o') return
      event.preventDefault()
      navigate(null)
    }
    window.addEventListener('keydown', listen)
    return () => window.removeEventListener('keydown', listen)
  }, [])
}
