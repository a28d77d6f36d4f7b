import type { OutboxItem } from '../outbox/outbox-state.ts'
import { isFinished, type ThreadState } from './thread-state.ts'

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
