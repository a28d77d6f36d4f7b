import { memo, type ReactNode } from 'react'
import { ModelName } from '../composer/model-name.tsx'
import type { ConversationStore } from '../conversation/conversation-store.ts'
import type { LivePart, LiveParts } from '../conversation/fold-events.ts'
import { goOn, regenerate } from '../conversation/say.ts'
import { isFinished, type Message, partsOf } from '../conversation/thread-state.ts'
import { Markdown } from '../markdown/markdown.tsx'
import { CopyButton } from '../ui/copy-button.tsx'
import { IconButton } from '../ui/icon-button.tsx'
import { Callout, CalloutButton } from './callout.tsx'
import { endingOf } from './endings.ts'
import { BranchSwitch, MessageActions } from './message-actions.tsx'
import { QueuePlace } from './queue-place.tsx'
import { Reasoning } from './reasoning.tsx'
import { UsageNote } from './usage-note.tsx'
import { Waiting } from './waiting.tsx'

type Props = {
  store: ConversationStore
  message: Message
  siblings: readonly string[]
  /** Model that another answer would be asked of. */
  modelId: string | null
  /** Text so far, while it is being written. */
  live: LiveParts | undefined
  /** Whether it goes on where the answer above was cut, by the same model. */
  continues: boolean
  /** Whether another answer goes on where this one was cut. */
  continued: boolean
}

export const AssistantMessage = memo(function AssistantMessage({
  store,
  message,
  siblings,
  modelId,
  live,
  continues,
  continued,
}: Props) {
  const finished = isFinished(message)
  const parts = partsOf(message, live).filter(({ text }) => text !== '')
  const again = (): void => regenerate(store, message, modelId)
  return (
    <article aria-label="Answer" className="group pt-2">
      {!continues && <Author model={message.model} />}
      {parts.map((part) => (
        <Part key={part.index} part={part} live={!finished && part === parts.at(-1)} />
      ))}
      {!finished && parts.length === 0 && <Waiting>{waitingFor(message)}</Waiting>}
      {!continued && <EndingNote message={message} onRetry={again} onGoOn={() => goOn(store, message)} />}
      {(finished || siblings.length > 1) && (
        <MessageActions end={false}>
          {finished && parts.length > 0 && <CopyButton text={() => answerOf(parts)} label="Copy answer" />}
          {finished && <IconButton icon="retry" label="Answer again" onClick={again} />}
          <UsageNote usage={message.generation?.usage ?? null} />
          <BranchSwitch store={store} messageId={message.id} siblings={siblings} />
        </MessageActions>
      )}
    </article>
  )
})

function Author({ model }: { model: Message['model'] }) {
  return (
    <p className="mb-1.5 flex h-6 items-center gap-2 font-medium text-muted text-sm">
      {model ? <ModelName model={model} /> : 'Answer'}
    </p>
  )
}

function Part({ part, live }: { part: LivePart; live: boolean }) {
  switch (part.kind) {
    case 'TEXT':
      return <Markdown text={part.text} live={live} />
    case 'REASONING':
      return <Reasoning text={part.text} live={live} />
    default:
      return null
  }
}

type EndingProps = { message: Message; onRetry(): void; onGoOn(): void }

function EndingNote({ message, onRetry, onGoOn }: EndingProps) {
  const ending = endingOf(message)
  if (!ending) return null
  return (
    <Callout tone={ending.tone} title={ending.title} detail={ending.detail}>
      {ending.goesOn && <CalloutButton onClick={onGoOn}>Continue</CalloutButton>}
      {ending.retry && <CalloutButton onClick={onRetry}>Try again</CalloutButton>}
    </Callout>
  )
}

function waitingFor({ generation }: Message): ReactNode {
  if (generation?.status === 'QUEUED') return <QueuePlace generationId={generation.id} />
  return (generation?.attempt ?? 1) > 1 ? 'Trying again' : 'Thinking'
}

function answerOf(parts: LiveParts): string {
  return parts
    .filter(({ kind }) => kind === 'TEXT')
    .map(({ text }) => text)
    .join('\n\n')
}
