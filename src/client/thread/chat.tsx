import { useEffect, useRef, useState } from 'react'
import { Composer, hasFinePointer } from '../composer/composer.tsx'
import { ModelSelect } from '../composer/model-select.tsx'
import { chooseModel, isDemo, type Model, rememberModel, useModels } from '../composer/models.ts'
import { pickModel, resend, send, stop } from '../conversation/actions.ts'
import type { ConversationStore, ConversationView } from '../conversation/conversation-store.ts'
import { runningLeaf, threadOf } from '../conversation/thread-state.ts'
import { useStore } from '../external-store.ts'
import { navigate, useRoute } from '../router.ts'
import { IconButton } from '../ui/icon-button.tsx'
import { ConnectionIndicator } from './connection-indicator.tsx'
import { FirstRun } from './first-run.tsx'
import { LoadingThread, MissingConversation, UnreachableServer } from './placeholders.tsx'
import { Thread } from './thread.tsx'

type Props = { store: ConversationStore; onOpenSidebar(): void }

/** One conversation: its messages, and the place to say something. */
export function Chat({ store, onOpenSidebar }: Props) {
  const view = useStore(store.view)
  const models = useModels()
  const model = chooseModel(models, view.defaultModelId)
  const [editing, setEditing] = useState<string | null>(null)
  const field = useRef<HTMLTextAreaElement>(null)
  const answering = isAnswering(view)
  useFollowed(store, view)
  useEffect(() => {
    if (hasFinePointer()) field.current?.focus()
  }, [])
  useStopKey(answering, () => void stop(store))
  const say = (text: string): void => void send(store, text, model?.id ?? null)
  const select = (picked: Model): void => {
    rememberModel(picked.id)
    void pickModel(store, picked.id)
    field.current?.focus()
  }
  const empty = view.phase === 'new' && view.outgoing === null
  return (
    <main className="relative flex min-w-0 flex-1 flex-col">
      <Header title={view.title} onOpenSidebar={onOpenSidebar} />
      <Body
        {...{ view, store, model, empty, editing }}
        onSuggest={say}
        onEdit={(id) => {
          setEditing(id)
          if (id === null) field.current?.focus()
        }}
      />
      {view.phase !== 'missing' && (
        <div className="mx-auto w-full max-w-184 px-3 pb-[max(0.75rem,env(safe-area-inset-bottom))] sm:px-4">
          <Composer
            conversationId={view.id}
            field={field}
            answering={answering}
            stopping={view.outgoing !== null || runningLeaf(view.thread)?.generation?.id === view.stoppingId}
            onSend={say}
            onStop={() => void stop(store)}
            onRecall={() => setEditing(lastSaid(view))}
          >
            <ModelSelect models={models.list} selected={model} onSelect={select} />
          </Composer>
          {isDemo(model) && <DemoNote />}
        </div>
      )}
      {empty && <div className="min-h-0 flex-[0.8]" />}
    </main>
  )
}

type BodyProps = {
  view: ConversationView
  store: ConversationStore
  model: Model | null
  empty: boolean
  /** The message whose text is being changed. */
  editing: string | null
  onSuggest(text: string): void
  onEdit(id: string | null): void
}

function Body({ view, store, model, empty, editing, onSuggest, onEdit }: BodyProps) {
  if (empty) return <FirstRun onPick={onSuggest} />
  if (view.phase === 'loading') return <LoadingThread />
  if (view.phase === 'unreachable') return <UnreachableServer />
  if (view.phase === 'missing') return <MissingConversation />
  return <Thread {...{ store, view, editing, onEdit }} modelId={model?.id ?? null} />
}

function Header({ title, onOpenSidebar }: { title: string; onOpenSidebar(): void }) {
  useEffect(() => {
    document.title = title ? `${title} – Parley` : 'Parley'
  }, [title])
  return (
    <header className="flex h-13 shrink-0 items-center gap-2 px-2 sm:px-4">
      <IconButton icon="menu" label="Conversations" onClick={onOpenSidebar} className="md:hidden" />
      <h1 className="min-w-0 flex-1 truncate font-medium text-sm" dir="auto">
        {title}
      </h1>
      <ConnectionIndicator />
      <IconButton icon="plus" label="New chat" onClick={() => navigate(null)} className="md:hidden" />
    </header>
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

/** Follows the conversation while it is shown, gives it its address once it has one, and sends what a reload interrupted. */
function useFollowed(store: ConversationStore, view: ConversationView): void {
  const { conversationId } = useRoute()
  useEffect(() => store.watch(), [store])
  useEffect(() => {
    if (conversationId === null && view.id !== null) navigate(view.id, { replace: true })
  }, [conversationId, view.id])
  useEffect(() => {
    if (view.phase === 'ready') void resend(store)
  }, [store, view.phase])
}

function useStopKey(answering: boolean, onStop: () => void): void {
  useEffect(() => {
    if (!answering) return
    const listen = (event: KeyboardEvent): void => {
      // An open menu or dialog closes first.
      if (
        event.key === 'Escape' &&
        !event.defaultPrevented &&
        !document.querySelector('[role=dialog], [role=listbox], [role=menu]')
      )
        onStop()
    }
    window.addEventListener('keydown', listen)
    return () => window.removeEventListener('keydown', listen)
  })
}

function isAnswering(view: ConversationView): boolean {
  return runningLeaf(view.thread) !== null || (view.outgoing !== null && view.outgoing.failure === null)
}

function lastSaid(view: ConversationView): string | null {
  return threadOf(view.thread).findLast(({ role }) => role === 'USER')?.id ?? null
}
