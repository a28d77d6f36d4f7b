import type { Message } from '../conversation/thread-state.ts'

/** What to say about how an answer ended; null when it simply ended. */
export type Ending = {
  readonly tone: 'danger' | 'warning' | 'plain'
  readonly title: string
  readonly detail?: string | undefined
  /** Whether asking again may help. */
  readonly retry: boolean
}

export function endingOf({ status, generation }: Message): Ending | null {
  const failure = generation?.failure
  const detail = failure ? `${failure.message}${retryHint(failure.retryAt)}` : undefined
  switch (status) {
    case 'CANCELED':
      return { tone: 'plain', title: 'Stopped', retry: false }
    case 'FAILED':
      return { tone: 'danger', title: 'The model did not answer', detail, retry: true }
    case 'INTERRUPTED':
      return { tone: 'warning', title: 'The answer broke off', detail, retry: true }
    case 'COMPLETED':
      return finishOf(generation?.finishReason ?? null)
    default:
      return null
  }
}

function finishOf(reason: NonNullable<Message['generation']>['finishReason']): Ending | null {
  switch (reason) {
    case 'LENGTH':
      return { tone: 'plain', title: 'Cut off: the answer reached its length limit', retry: false }
    case 'REFUSAL':
      return { tone: 'plain', title: 'The model declined to answer', retry: false }
    case 'CONTENT_FILTER':
      return { tone: 'plain', title: 'Cut off by a content filter', retry: false }
    case 'CONTEXT_OVERFLOW':
      return { tone: 'warning', title: 'The conversation is too long for this model', retry: false }
    case 'PAUSE':
      return { tone: 'plain', title: 'The model paused here', retry: false }
    default:
      return null
  }
}

function retryHint(retryAt: string | null | undefined): string {
  if (!retryAt) return ''
  return ` Not before ${new Date(retryAt).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' })}.`
}
