import { Editor } from '../composer/editor.tsx'
import { showBranch, stop } from '../conversation/actions.ts'
import type { ConversationStore, ConversationView } from '../conversation/conversation-store.ts'
import { isShown, saidNow } from '../conversation/queue.ts'
import { discard, retry } from '../conversation/say.ts'
import { runningLeaf } from '../conversation/thread-state.ts'
import { useStore } from '../external-store.ts'
import type { OutboxItem } from '../outbox/outbox-state.ts'
import { IconButton } from '../ui/icon-button.tsx'
import { Icon } from '../ui/icons.tsx'
import { useHeldBack } from './use-held-back.ts'

/** What waits to be sent and does not stand in the thread, in the order in which it will go. */
export function Queue({ store, onDone }: Pick<QueuedProps, 'store' | 'onDone'>) {
  const view = useStore(store.view)
  const now = view.phase === 'missing' ? null : saidNow(view.outgoing, view.thread)
  const queued = view.outgoing.filter((item) => item !== now)
  if (queued.length === 0) return null
  const first = runningLeaf(view.thread) && queued.find((item) => isShownIn(view, item))
  return (
    <ul
      aria-label="Waiting to be sent"
      className="mx-3 mb-2 max-h-[30dvh] animate-appear divide-y divide-line overflow-y-auto rounded-2xl border border-line bg-panel text-sm"
    >
      {queued.map((item) => (
        <Queued
          key={item.key}
          {...{ store, item, onDone }}
          here={isShownIn(view, item)}
          next={item === first}
        />
      ))}
    </ul>
  )
}

type QueuedProps = {
  store: ConversationStore
  item: OutboxItem
  /** Whether it belongs to the branch shown. */
  here: boolean
  /** Whether only the answer under way is before it. */
  next: boolean
  /** Whoever has changed or discarded it goes back to the composer. */
  onDone(): void
}

function Queued({ store, item, here, next, onDone }: QueuedProps) {
  const { editing, begin, end } = useHeldBack(store, item, onDone)
  const drop = (): void => {
    discard(store, item)
    onDone()
  }
  const trouble = item.problem !== null && item.problem.code !== 'CONFLICT' ? item.problem : null
  if (editing && item.text !== null) {
    return (
      <li className="p-2">
        <Editor action="Save" place={item.key} text={item.text} onCancel={() => end(null)} onSubmit={end} />
      </li>
    )
  }
  return (
    <li className="flex min-h-11 items-center gap-1 py-1 ps-3 pe-1.5">
      <Icon
        name={trouble ? 'warning' : 'clock'}
        className={`me-1.5 size-4 ${trouble ? 'text-warning' : 'text-muted'}`}
      />
      <div className="min-w-0 flex-1">
        <p dir="auto" className="truncate">
          {item.text ?? 'Another answer'}
        </p>
        {(trouble || !here) && (
          <p className="truncate text-muted text-xs">{trouble?.reason ?? 'On another branch'}</p>
        )}
      </div>
      {next && (
        <IconButton icon="send" label="Stop the answer and send now" onClick={() => void stop(store)} />
      )}
      {!here && (
        <IconButton
          icon="branch"
          label="Show its branch"
          onClick={() => void showBranch(store, item.parentId)}
        />
      )}
      {here && trouble && <IconButton icon="retry" label="Try again" onClick={() => retry(store, item)} />}
      {here && item.text !== null && <IconButton icon="pencil" label="Edit queued message" onClick={begin} />}
      <IconButton icon="trash" label="Discard queued message" onClick={drop} />
    </li>
  )
}

function isShownIn({ outgoing, thread }: ConversationView, item: OutboxItem): boolean {
  return isShown(item, outgoing, thread)
}
