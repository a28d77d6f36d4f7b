import { useState } from 'react'
import { useRoute } from '../router.ts'
import { ConversationRow } from './conversation-row.tsx'
import { DeleteDialog } from './delete-dialog.tsx'
import type { ConversationItem } from './documents.ts'
import { groupByAge } from './groups.ts'
import { Unsent } from './unsent.tsx'
import type { ConversationList as List } from './use-conversation-list.ts'

export function ConversationList({ list, onPick }: { list: List; onPick(): void }) {
  const { place } = useRoute()
  const { conversations, failed, loadMore } = list
  const [deleting, setDeleting] = useState<ConversationItem | null>(null)
  return (
    <div className="min-h-0 flex-1 overflow-y-auto px-2 pb-4">
      {failed && <Hint>The list could not be loaded. Trying again…</Hint>}
      {conversations?.length === 0 && <Hint>Conversations will be listed here.</Hint>}
      <Unsent onPick={onPick} />
      {groupByAge(conversations ?? []).map(({ name, items }) => (
        <section key={name} aria-label={name} className="pt-3">
          <h2 className="px-2.5 pb-1 font-medium text-muted text-xs">{name}</h2>
          <ul>
            {items.map((item) => (
              <ConversationRow
                key={item.id}
                item={item}
                current={item.id === place}
                onPick={onPick}
                onDelete={() => setDeleting(item)}
              />
            ))}
          </ul>
        </section>
      ))}
      {loadMore && (
        <button
          type="button"
          onClick={loadMore}
          className="mt-2 h-9 w-full rounded-lg text-muted text-sm hover:bg-hover hover:text-ink pointer-coarse:h-11"
        >
          Show more
        </button>
      )}
      <DeleteDialog conversation={deleting} onClose={() => setDeleting(null)} />
    </div>
  )
}

function Hint({ children }: { children: string }) {
  return <p className="animate-late px-2.5 pt-3 text-muted text-sm">{children}</p>
}
