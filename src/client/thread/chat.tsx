import { type RefObject, useCallback, useEffect, useRef, useState } from 'react'
import { Composer, hasFinePointer } from '../composer/composer.tsx'
import { ModelSelect } from '../composer/model-select.tsx'
import { chooseModel, isDemo, type Model, type Models, rememberModel, useModels } from '../composer/models.ts'
import { pickModel, stop } from '../conversation/actions.ts'
import {
  addressOf,
  type ConversationStore,
  type ConversationView,
} from '../conversation/conversation-store.ts'
import { saidNow } from '../conversation/queue.ts'
import { send } from '../conversation/say.ts'
import { runningLeaf, threadOf } from '../conversation/thread-state.ts'
import { useSelected } from '../external-store.ts'
import type { Place } from '../outbox/place.ts'
import { navigate } from '../router.ts'
import { ChatHeader } from './chat-header.tsx'
import { FirstRun } from './first-run.tsx'
import { LoadingThread, MissingConversation, UnreachableServer } from './placeholders.tsx'
import { Queue } from './queue.tsx'
import { Thread } from './thread.tsx'

type Props = { store: ConversationStore; onOpenSidebar(): void }

/** One conversation: its messages, and the place to say something. Only the thread is drawn for every bit of text. */
export function Chat({ store, onOpenSidebar }: Props) {
  const phase = useSelected(store.view, (view) => view.phase)
  const sending = useSelected(store.view, hasOutgoing)
  const title = useSelected(store.view, (view) => view.title)
  const defaultModelId = useSelected(store.view, (view) => view.defaultModelId)
  const models = useModels()
  const model = chooseModel(models, defaultModelId)
  const [editing, setEditing] = useState<string | null>(null)
  const field = useRef<HTMLTextAreaElement>(null)
  useFollowed(store)
  useEffect(() => {
    if (hasFinePointer()) field.current?.focus()
  }, [])
  const edit = useCallback((id: string | null): void => {
    setEditing(id)
    if (id === null) field.current?.focus()
  }, [])
  const modelId = model?.id ?? null
  const blank = phase === 'new' && !sending
  return (
    <main className="relative flex min-w-0 flex-1 flex-col">
      <ChatHeader title={title} onOpenSidebar={onOpenSidebar} />
      {blank && <FirstRun onPick={(text) => void send(store, text, modelId)} />}
      {phase === 'loading' && !sending && <LoadingThread />}
      {phase === 'unreachable' && !sending && <UnreachableServer />}
      {phase === 'missing' && <MissingConversation />}
      {(phase === 'ready' || sending) && phase !== 'missing' && (
        <Thread {...{ store, modelId, editing }} onEdit={edit} />
      )}
      <Footer {...{ store, models, model, field }} onEdit={edit} />
      {blank && <div className="hidden sm:block sm:flex-1" />}
    </main>
  )
}

type FooterProps = {
  store: ConversationStore
  models: Models
  model: Model | null
  field: RefObject<HTMLTextAreaElement | null>
  onEdit(messageId: string): void
}

function Footer({ store, models, model, field, onEdit }: FooterProps) {
  const place = useSelected(store.view, draftPlaceOf)
  const missing = useSelected(store.view, (view) => view.phase === 'missing')
  const answering = useSelected(store.view, isAnswering)
  const stopping = useSelected(store.view, isStopping)
  useStopKey(answering, () => void stop(store))
  const select = (picked: Model): void => {
    rememberModel(picked.id)
    void pickModel(store, picked.id)
    field.current?.focus()
  }
  const recall = (): void => {
    const said = threadOf(store.latest.thread).findLast(
      ({ role, isContinuation }) => role === 'USER' && !isContinuation,
    )
    if (said) onEdit(said.id)
  }
  return (
    <div className="mx-auto w-full max-w-184 px-3 pb-[max(0.75rem,env(safe-area-inset-bottom))] sm:px-4">
      <Queue store={store} onDone={() => field.current?.focus()} />
      {!missing && (
        <Composer
          {...{ place, field, answering, stopping }}
          onSend={(text) => send(store, text, model?.id ?? null)}
          onStop={() => void stop(store)}
          onRecall={recall}
        >
          <ModelSelect models={models} selected={model} onSelect={select} />
        </Composer>
      )}
      {!missing && isDemo(model) && <DemoNote />}
    </div>
  )
}

function DemoNote() {
  return (
    <p className="px-3 pt-2 text-center text-muted text-xs">
      The demo model answers from a script. With <code className="font-mono">ANTHROPIC_API_KEY</code> set,
      Claude answers.
    </p>
  )
}

/** Follows the conversation while it is shown, and gives it its address. */
function useFollowed(store: ConversationStore): void {
  const address = useSelected(store.view, addressOf)
  useEffect(() => store.watch(), [store])
  useEffect(() => navigate(address, { replace: true }), [address])
}

const openLayers = '[role=dialog], [role=alertdialog], [role=listbox], [role=menu]'

/** Escape stops the answer, unless it closes something first. */
function useStopKey(answering: boolean, onStop: () => void): void {
  useEffect(() => {
    if (!answering) return
    const listen = (event: KeyboardEvent): void => {
      if (event.key !== 'Escape' || event.defaultPrevented || document.querySelector(openLayers)) return
      onStop()
    }
    window.addEventListener('keydown', listen)
    return () => window.removeEventListener('keydown', listen)
  })
}

/** The blank pages of all tabs share their draft. */
function draftPlaceOf(view: ConversationView): Place {
  return addressOf(view) ?? 'new'
}

function hasOutgoing({ outgoing }: ConversationView): boolean {
  return outgoing.length > 0
}

function isAnswering(view: ConversationView): boolean {
  return runningLeaf(view.thread) !== null || isSending(view)
}

/** Stop has been pressed, or there is nothing yet that could be stopped. */
function isStopping({ thread, stoppingId }: ConversationView): boolean {
  const running = runningLeaf(thread)
  return running === null || running.generation?.id === stoppingId
}

function isSending({ outgoing, thread }: ConversationView): boolean {
  return saidNow(outgoing, thread)?.problem === null
}
