import { discard, retry } from '../conversation/actions.ts'
import type { ConversationStore } from '../conversation/conversation-store.ts'
import type { Outgoing } from '../conversation/outgoing.ts'
import { Callout, CalloutButton } from './callout.tsx'
import { UserBubble } from './user-bubble.tsx'
import { Waiting } from './waiting.tsx'

/** What the viewer said a moment ago, before the server has it. */
export function OutgoingMessage({ store, outgoing }: { store: ConversationStore; outgoing: Outgoing }) {
  return (
    <>
      {outgoing.text !== null && (
        <div className="pt-6">
          <UserBubble text={outgoing.text} />
        </div>
      )}
      <div className="pt-4">
        {outgoing.failure === null ? (
          <Waiting>Sending</Waiting>
        ) : (
          <Callout tone="danger" title="Not sent" detail={outgoing.failure}>
            <CalloutButton onClick={() => void retry(store)}>Try again</CalloutButton>
            <CalloutButton onClick={() => discard(store)}>Discard</CalloutButton>
          </Callout>
        )}
      </div>
    </>
  )
}
