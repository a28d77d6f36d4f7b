import { useEffect, useLayoutEffect, useMemo, useRef } from 'react'
import { loadEarlier } from '../conversation/actions.ts'
import type { ConversationStore } from '../conversation/conversation-store.ts'
import { saidNow } from '../conversation/queue.ts'
import { earlierThan, runningLeaf, threadOf } from '../conversation/thread-state.ts'
import { useStore } from '../external-store.ts'
import { IconButton } from '../ui/icon-button.tsx'
import { MessageView } from './message-view.tsx'
import { OutgoingMessage } from './outgoing-message.tsx'
import { toTurns } from './turns.ts'
import { useFollowScroll } from './use-follow-scroll.ts'

type Props = {
  store: ConversationStore
  /** Model that new answers are asked of. */
  modelId: string | null
  /** The message whose text is being changed. */
  editing: string | null
  onEdit(id: string | null): void
}

/** The branch shown, from its first known message to the answer being written. */
export function Thread({ store, modelId, editing, onEdit }: Props) {
  const { thread, outgoing } = useStore(store.view)
  const scroller = useRef<HTMLDivElement>(null)
  const content = useRef<HTMLDivElement>(null)
  const { atEnd, toEnd } = useFollowScroll(scroller, content)
  const turns = useMemo(() => toTurns(threadOf(thread)), [thread])
  const item = saidNow(outgoing, thread)
  const running = runningLeaf(thread)
  const began = useBegan(item?.key ?? null, toEnd)
  const earlier = earlierThan(thread)
  const onDone = (): void => onEdit(null)
  // What is asked again stands in the turn of its question, what is said begins one.
  const lastTurn = item && item.text !== null ? item.key : turns.at(-1)?.key
  const roomy = (key: string): string => (began && key === lastTurn ? 'min-h-[calc(100cqh-2rem)]' : '')
  return (
    <div className="relative min-h-0 flex-1">
      <div
        ref={scroller}
        className="@container-[size] h-full overflow-y-auto overscroll-contain [scrollbar-gutter:stable_both-edges]"
      >
        <div
          ref={content}
          role="log"
          aria-label="Conversation"
          aria-busy={running !== null}
          className="mx-auto w-full max-w-184 px-4 pb-8"
        >
          {earlier !== null && <Earlier key={earlier} store={store} scroller={scroller} />}
          {turns.map(({ key, messages: said }) => (
            <section key={key} className={roomy(key)}>
              {said.map((message, index) => (
                <MessageView
                  key={message.id}
                  {...{ store, thread, message, modelId, onEdit }}
                  before={said[index - 1]}
                  after={said[index + 1]}
                  editing={editing === message.id}
                />
              ))}
              {item?.text === null && key === lastTurn && <OutgoingMessage {...{ store, item, onDone }} />}
            </section>
          ))}
          {item && item.text !== null && (
            <section key={item.key} className={roomy(item.key)}>
              <OutgoingMessage {...{ store, item, onDone }} />
            </section>
          )}
        </div>
      </div>
      {/* Text slips under the header and the composer instead of being cut. */}
      <div className="pointer-events-none absolute inset-x-0 top-0 h-4 bg-linear-to-b from-canvas to-transparent" />
      <div className="pointer-events-none absolute inset-x-0 bottom-0 h-6 bg-linear-to-t from-canvas to-transparent" />
      {!atEnd && (
        <div className="pointer-events-none absolute inset-x-0 bottom-3 flex justify-center">
          <IconButton
            icon="arrowDown"
            label={running ? 'To the new text' : 'To the end'}
            onClick={() => toEnd('smooth')}
            className="pointer-events-auto size-9! animate-appear rounded-full! border border-line bg-raised shadow-float"
          />
        </div>
      )}
      <p role="status" className="sr-only">
        {running ? 'The answer is being written' : ''}
      </p>
    </div>
  )
}

/**
 * Whether something was said since the conversation was opened: then its last turn has the room of a screen, so that
 * the question moves to the top and the answer grows below it.
 */
function useBegan(sending: string | null, toEnd: () => void): boolean {
  const began = useRef(false)
  if (sending !== null) began.current = true
  useLayoutEffect(() => {
    if (sending !== null) toEnd()
  }, [sending, toEnd])
  return began.current
}

/** Reads what came before as soon as it scrolls into view, and leaves the line that is being read where it is. */
function Earlier({
  store,
  scroller,
}: {
  store: ConversationStore
  scroller: React.RefObject<HTMLElement | null>
}) {
  const mark = useRef<HTMLDivElement>(null)
  useEffect(() => {
    const element = scroller.current
    if (!element || !mark.current) return
    const observer = new IntersectionObserver(
      ([entry]) => {
        if (!entry?.isIntersecting) return
        observer.disconnect()
        const fromEnd = element.scrollHeight - element.scrollTop
        const settle = new ResizeObserver(() => {
          element.scrollTop = element.scrollHeight - fromEnd
        })
        if (element.firstElementChild) settle.observe(element.firstElementChild)
        void loadEarlier(store).finally(() => setTimeout(() => settle.disconnect(), 100))
      },
      { root: element, rootMargin: '600px 0px 0px 0px' },
    )
    observer.observe(mark.current)
    return () => observer.disconnect()
  }, [store, scroller])
  return (
    <div ref={mark} role="status" className="animate-late py-4 text-center text-muted text-sm">
      Loading earlier messages…
    </div>
  )
}
