import { Editor } from '../composer/editor.tsx'
import type { ConversationStore } from '../conversation/conversation-store.ts'
import { discard, retry } from '../conversation/say.ts'
import type { OutboxItem } from '../outbox/outbox-state.ts'
import { Callout, CalloutButton } from './callout.tsx'
import { useHeldBack } from './use-held-back.ts'
import { UserBubble } from './user-bubble.tsx'
import { Waiting } from './waiting.tsx'

type Props = {
  store: ConversationStore
  item: OutboxItem
  /** Whoever has changed or discarded it goes back to the composer. */
  onDone(): void
}

/** What the viewer said a moment ago, before the server has it. */
export function OutgoingMessage({ store, item, onDone }: Props) {
  const { editing, begin, end } = useHeldBack(store, item, onDone)
  if (editing && item.text !== null) {
    return (
      <div className="pt-6">
        <Editor place={item.key} text={item.text} onCancel={() => end(null)} onSubmit={end} />
      </div>
    )
  }
  return (
    <>
      {item.text !== null && (
        <div className="pt-6">
          <UserBubble text={item.text} />
        </div>
      )}
      <div className="pt-4">
        {item.problem === null ? (
          <Waiting>Sending</Waiting>
        ) : (
          <Trouble {...{ store, item, onDone }} onEdit={begin} />
        )}
      </div>
    </>
  )
}

function Trouble({ store, item, onDone, onEdit }: Props & { onEdit(): void }) {
  const { reason, final } = item.problem!
  const drop = (): void => {
    discard(store, item)
    onDone()
  }
  return (
    <Callout
      tone={final ? 'danger' : 'warning'}
      title={final ? 'Not sent' : 'Not sent yet'}
      detail={final ? reason : `${reason}. Trying again…`}
    >
      <CalloutButton onClick={() => retry(store, item)}>{final ? 'Retry' : 'Try now'}</CalloutButton>
      {item.text !== null && <CalloutButton onClick={onEdit}>Edit</CalloutButton>}
      <CalloutButton onClick={drop}>Discard</CalloutButton>
    </Callout>
  )
}
