import type { Message } from '../conversation/thread-state.ts'

/** What to say about how an answer ended; null when it simply ended. */
export type Ending = {
  readonly tone: 'danger' | 'warning' | 'plain'
  readonly title: string
  readonly detail?: string | undefined
  /** Whether asking again may help. */
  readonly retry: boolean
  /** Whether the model can go on from here. */
  readonly goesOn: boolean
}

export function endingOf({ status, generation, parts }: Message): Ending | null {
  const failure = generation?.failure
  const detail = failure ? `${failure.message}${retryHint(failure.retryAt)}` : undefined
  switch (status) {
    case 'CANCELED':
      return { tone: 'plain', title: 'Stopped', retry: false, goesOn: parts.length > 0 }
    case 'FAILED':
      return { tone: 'danger', title: 'The model did not answer', detail, retry: true, goesOn: false }
    case 'INTERRUPTED':
      return { tone: 'warning', title: 'The answer broke off', detail, retry: true, goesOn: parts.length > 0 }
    case 'COMPLETED':
      return finishOf(generation?.finishReason ?? null)
    default:
      return null
  }
}

function finishOf(reason: NonNullable<Message['generation']>['finishReason']): Ending | null {
  const plain = { tone: 'plain', retry: false, goesOn: false } as const
  switch (reason) {
    case 'LENGTH':
      return { ...plain, title: 'Cut off: the answer reached its length limit', goesOn: true }
    case 'REFUSAL':
      return { ...plain, title: 'The model declined to answer' }
    case 'CONTENT_FILTER':
      return { ...plain, title: 'Cut off by a content filter' }
    case 'CONTEXT_OVERFLOW':
      return { ...plain, tone: 'warning', title: 'The conversation is too long for this model' }
    case 'PAUSE':
      return { ...plain, title: 'The model paused here', goesOn: true }
    default:
      return null
  }
}

function retryHint(retryAt: string | null | undefined): string {
  if (!retryAt) return ''
  return ` Not before ${new Date(retryAt).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' })}.`
}
