import type { OutboxItem } from '../outbox/outbox-state.ts'
import { isFinished, parentOf, showLeaf, type ThreadState, threadOf } from './thread-state.ts'

/** Whether an item belongs at the end of the branch shown, itself or behind others that do; of none it is the first. */
export function isShown(item: OutboxItem, items: readonly OutboxItem[], thread: ThreadState): boolean {
  const before = items.find(({ key }) => key === item.after)
  if (before) return isShown(before, items, thread)
  return thread.leafId === null || item.parentId === thread.leafId
}

/** Whether it cannot be sent before the answer that it follows has ended. */
export function isWaiting({ parentId, after, problem }: OutboxItem, thread: ThreadState): boolean {
  const parent = parentId === null ? undefined : thread.messages.get(parentId)
  return after !== null || problem?.code === 'CONFLICT' || (parent !== undefined && !isFinished(parent))
}

/** What stands below the branch shown, as if it had been said; everything else waits beside the composer. */
export function saidNow(items: readonly OutboxItem[], thread: ThreadState): OutboxItem | null {
  return items.find((item) => isShown(item, items, thread) && !isWaiting(item, thread)) ?? null
}

/**
 * The thread `after` a change, at the end of the branch that was shown `before` where something of `items` stands: it
 * will land beside what others said there meanwhile. Only where that continues the answer above is it followed.
 */
export function stayWhereSaid(
  items: readonly OutboxItem[],
  before: ThreadState,
  after: ThreadState,
): ThreadState {
  const { leafId } = before
  if (leafId === null || !items.some((item) => isShown(item, items, before))) return after
  const next = threadOf(after).find((message) => parentOf(message) === leafId)
  return next?.isContinuation ? after : showLeaf(after, leafId)
}
