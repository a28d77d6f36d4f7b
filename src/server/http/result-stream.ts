import { setImmediate } from 'node:timers'
import type { Operation } from './operation.ts'

/** Longest time that ready streams may keep other work waiting. Milliseconds. */
const longestTurn = 5

let turnStart: number | null = null

/**
 * Null while this turn of the event loop still has time for streams, else a promise of the next turn.
 *
 * A source that is always ready never leaves the microtask queue: timers, other sockets and even the end of its own
 * connection would wait until it is drained. All streams share one budget, so that many of them wait no longer.
 */
export function nextTurn(): Promise<void> | null {
  if (turnStart === null) {
    turnStart = performance.now()
    setImmediate(() => {
      turnStart = null
    })
    return null
  }
  if (performance.now() - turnStart < longestTurn) return null
  return new Promise((resolve) => setImmediate(resolve))
}

/**
 * Ties the results of a subscription to its operation: they end at once when the operation is aborted, even where
 * the source does not listen, and a reader that gives them up aborts it. Ready results leave the event loop room.
 */
export function superviseResults<Result>(
  results: AsyncIterable<Result>,
  operation: Operation,
): AsyncIterableIterator<Result> {
  const inner = results[Symbol.asyncIterator]()
  const ended: IteratorResult<Result> = { done: true, value: undefined }
  let endPending: (() => void) | null = null

  operation.signal.addEventListener('abort', () => {
    endPending?.()
    // What a source throws while it is put away is nobody's answer any more.
    inner.return?.().catch(() => {})
  })

  function pull(): Promise<IteratorResult<Result>> {
    if (operation.signal.aborted) return Promise.resolve(ended)
    return new Promise((resolve, reject) => {
      endPending = () => resolve(ended)
      inner.next().then(
        (result) => {
          endPending = null
          resolve(operation.signal.aborted ? ended : result)
        },
        (error: unknown) => {
          endPending = null
          reject(error)
        },
      )
    })
  }

  return {
    next: () => nextTurn()?.then(pull) ?? pull(),
    return: () => {
      operation.abort()
      return Promise.resolve(ended)
    },
    [Symbol.asyncIterator]() {
      return this
    },
  }
}
