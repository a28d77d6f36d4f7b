import { Menu } from '@base-ui/react/menu'
import { useState } from 'react'
import { useMutation } from 'urql'
import { explain } from '../outbox/deliver.ts'
import { newKey } from '../outbox/key.ts'
import { Icon, type IconName } from '../ui/icons.tsx'
import { notify } from '../ui/notices.tsx'
import { type ConversationItem, renameConversation } from './documents.ts'
import { PlaceLink } from './place-link.tsx'

type Props = { item: ConversationItem; current: boolean; onPick(): void; onDelete(): void }

export function ConversationRow({ item, current, onPick, onDelete }: Props) {
  const [renaming, setRenaming] = useState(false)
  if (renaming) return <RenameField item={item} onClose={() => setRenaming(false)} />
  return (
    <li className={`group relative rounded-lg ${current ? 'bg-hover' : 'hover:bg-hover/60'}`}>
      <PlaceLink
        place={item.id}
        current={current}
        onPick={onPick}
        className="flex h-9 items-center gap-2 rounded-lg px-2.5 text-sm group-focus-within:pe-9 group-hover:pe-9 pointer-coarse:h-11 pointer-coarse:pe-12"
      >
        <span dir="auto" className="flex-1 truncate">
          {item.title}
        </span>
        {isRunning(item) && <Running />}
      </PlaceLink>
      <RowMenu title={item.title} onRename={() => setRenaming(true)} onDelete={onDelete} />
    </li>
  )
}

function Running() {
  return (
    <span
      role="img"
      aria-label="An answer is being written"
      className="size-2 shrink-0 animate-breathe rounded-full bg-accent"
    />
  )
}

type MenuProps = { title: string; onRename(): void; onDelete(): void }

function RowMenu({ title, onRename, onDelete }: MenuProps) {
  return (
    <Menu.Root>
      <Menu.Trigger
        aria-label={`Options of ${title}`}
        className="absolute inset-y-0 end-1 my-auto flex size-7 items-center justify-center rounded-md text-muted opacity-0 hover:text-ink focus-visible:opacity-100 group-hover:opacity-100 data-popup-open:opacity-100 pointer-coarse:size-10 pointer-coarse:opacity-100"
      >
        <Icon name="more" className="size-4" />
      </Menu.Trigger>
      <Menu.Portal>
        <Menu.Positioner side="bottom" align="end" sideOffset={4} className="z-40">
          <Menu.Popup className="min-w-40 rounded-xl border border-line bg-raised p-1 shadow-float outline-none">
            <Item icon="pencil" onClick={onRename}>
              Rename
            </Item>
            <Item icon="trash" danger onClick={onDelete}>
              Delete…
            </Item>
          </Menu.Popup>
        </Menu.Positioner>
      </Menu.Portal>
    </Menu.Root>
  )
}

type ItemProps = { icon: IconName; danger?: boolean; onClick(): void; children: string }

function Item({ icon, danger = false, onClick, children }: ItemProps) {
  return (
    <Menu.Item
      onClick={onClick}
      className={`flex min-h-9 items-center gap-2.5 rounded-lg px-2.5 text-sm outline-none data-highlighted:bg-hover pointer-coarse:min-h-11 ${danger ? 'text-danger' : ''}`}
    >
      <Icon name={icon} className="size-4" />
      {children}
    </Menu.Item>
  )
}

/** Takes the place of the row; Enter or leaving it keeps the new title, Escape does not. */
function RenameField({ item, onClose }: { item: ConversationItem; onClose(): void }) {
  const [, rename] = useMutation(renameConversation)
  const keep = async (title: string): Promise<void> => {
    onClose()
    if (title === '' || title === item.title) return
    const input = { clientMutationId: newKey(), conversationId: item.id, title }
    const { data, error } = await rename({ input })
    const refused = data?.updateConversation?.userErrors[0]
    if (error || refused) notify(error ? explain(error) : refused!.message)
  }
  return (
    <li>
      <input
        aria-label="Title"
        defaultValue={item.title}
        // Whoever chose Rename wants to type.
        // oxlint-disable-next-line jsx-a11y/no-autofocus
        autoFocus
        onFocus={(event) => event.target.select()}
        onBlur={(event) => void keep(event.target.value.trim())}
        onKeyDown={(event) => {
          if (event.key === 'Enter') event.currentTarget.blur()
          if (event.key === 'Escape') {
            event.currentTarget.value = item.title
            event.currentTarget.blur()
          }
        }}
        className="h-9 w-full rounded-lg border border-line-strong bg-raised px-2.5 text-sm pointer-coarse:h-11"
      />
    </li>
  )
}

function isRunning({ activeGenerations }: ConversationItem): boolean {
  return activeGenerations.some(({ status }) => status === 'QUEUED' || status === 'RUNNING')
}
