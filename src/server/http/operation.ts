import type { Viewer } from '../auth/viewer.ts'
import { newId } from '../ids.ts'

/** What the edge knows about one operation, whatever transport carried it. */
export type Operation = {
  /** In the log and in every masked error of the operation. */
  readonly requestId: string
  readonly viewer: Viewer
  /** Remote address, as limits count it. */
  readonly address: string
  /** `Last-Event-ID` of a reader that comes back over SSE: takes the place of `after`. */
  readonly lastEventId: string | null
  /** Aborted when the operation has ended: its client went away, it took too long, or the server stops. */
  readonly signal: AbortSignal
  /** The event of a subscription whose result is being sent. */
  event: { readonly cursor?: unknown } | null
  /**
   * Sends a result of a subscription that is JSON already, ahead of what its results give next; null where the
   * transport can't. Returns null, or what resolves when the connection has room again.
   */
  send: ((result: string) => Promise<void> | null) | null
  abort(): void
}

export function createOperation(facts: {
  readonly viewer: Viewer
  readonly address: string
  readonly lastEventId?: string | null
}): Operation {
  const controller = new AbortController()
  return {
    requestId: newId(),
    viewer: facts.viewer,
    address: facts.address,
    lastEventId: facts.lastEventId ?? null,
    signal: controller.signal,
    event: null,
    send: null,
    abort: () => controller.abort(),
  }
}

/** What a context of an execution holds besides what the schema put there. */
export type OperationContext = { readonly operation: Operation }
