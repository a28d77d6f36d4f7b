import { AlertDialog } from '@base-ui/react/alert-dialog'
import { useRef } from 'react'
import { useMutation } from 'urql'
import { explain } from '../outbox/deliver.ts'
import { newKey } from '../outbox/key.ts'
import { abandoned } from '../outbox/outbox-state.ts'
import { usePage } from '../page.tsx'
import { navigate, useRoute } from '../router.ts'
import { notify } from '../ui/notices.tsx'
import { type ConversationItem, deleteConversation } from './documents.ts'

type Props = { conversation: ConversationItem | null; onClose(): void }

export function DeleteDialog({ conversation, onClose }: Props) {
  const [, remove] = useMutation(deleteConversation)
  const { place } = useRoute()
  const { outbox, drafts } = usePage()
  const shown = useRef(conversation)
  if (conversation) shown.current = conversation
  const confirm = async (): Promise<void> => {
    onClose()
    if (!conversation) return
    const input = { clientMutationId: newKey(), conversationId: conversation.id }
    const { data, error } = await remove({ input })
    const refused = data?.deleteConversation?.userErrors[0]
    if (error || refused) return notify(error ? explain(error) : refused!.message)
    drafts.set(conversation.id, '')
    void outbox.change((state) => abandoned(state, conversation.id))
    if (conversation.id === place) navigate(null, { replace: true })
  }
  return (
    <AlertDialog.Root open={conversation !== null} onOpenChange={(open) => open || onClose()}>
      <AlertDialog.Portal>
        <AlertDialog.Backdrop className="fixed inset-0 z-40 bg-black/40 transition-opacity duration-150 data-ending-style:opacity-0 data-starting-style:opacity-0" />
        <AlertDialog.Popup className="fixed top-1/2 left-1/2 z-40 w-[min(26rem,calc(100vw-2rem))] -translate-x-1/2 -translate-y-1/2 rounded-2xl border border-line bg-raised p-5 shadow-float outline-none transition-opacity duration-150 data-ending-style:opacity-0 data-starting-style:opacity-0">
          <AlertDialog.Title className="font-semibold">Delete this conversation?</AlertDialog.Title>
          <AlertDialog.Description className="mt-1.5 text-muted text-sm leading-relaxed [overflow-wrap:anywhere]">
            “{shown.current?.title}” and all its branches will be gone for good.
          </AlertDialog.Description>
          <div className="mt-5 flex justify-end gap-2">
            <AlertDialog.Close className="h-10 rounded-xl px-4 font-medium text-sm hover:bg-hover">
              Cancel
            </AlertDialog.Close>
            <button
              type="button"
              onClick={() => void confirm()}
              className="h-10 rounded-xl bg-danger px-4 font-medium text-canvas text-sm hover:brightness-110"
            >
              Delete
            </button>
          </div>
        </AlertDialog.Popup>
      </AlertDialog.Portal>
    </AlertDialog.Root>
  )
}
