import type { ConversationStore } from '../conversation/conversation-store.ts'
import { BranchSwitch } from './message-actions.tsx'

type Props = { store: ConversationStore; messageId: string; siblings: readonly string[] }

/** Where an answer was cut and the next one goes on. */
export function Seam(props: Props) {
  return (
    <div className="flex items-center gap-3 pt-1 text-muted text-xs">
      <span className="h-px flex-1 bg-line-strong" />
      <span>continued</span>
      <BranchSwitch {...props} />
      <span className="h-px flex-1 bg-line-strong" />
    </div>
  )
}
