import type { ServerResponse } from 'node:http'
import type { ExecutionResult } from 'graphql'
import { formatError, type MaskErrors } from './mask-errors.ts'
import type { Operation } from './operation.ts'
import { createStallTimer } from './stall-timer.ts'

export type EventStreamOptions = {
  readonly maskErrors: MaskErrors
  /** Between two comments that keep proxies from closing the connection. Milliseconds. */
  readonly ping: number
  /** A reader that takes nothing for so long is cut off. Milliseconds. */
  readonly stall: number
}

const headers = {
  'Content-Type': 'text/event-stream; charset=utf-8',
  'Cache-Control': 'no-cache, no-transform',
  'X-Accel-Buffering': 'no',
}

const ping = ':\n\n'

/** How long a reader may take to read the end of an aborted stream before its connection is cut. Milliseconds. */
const closeGrace = 1_000

/**
 * Writes results as server-sent events, in the distinct connections mode of graphql-sse: `next` for each result,
 * then `complete`. The `id:` of an event is its cursor, which a browser's EventSource sends back as
 * `Last-Event-ID`.
 *
 * The next result is pulled when the connection has room, so a slow reader holds up nothing but itself. Ends
 * without `complete` when the operation is aborted: a reader that comes back gets the rest.
 */
export async function writeEventStream(
  response: ServerResponse,
  results: AsyncIterable<ExecutionResult>,
  operation: Operation,
  options: EventStreamOptions,
): Promise<void> {
  const stall = createStallTimer(options.stall, () => response.destroy())
  const write = (chunk: string) => {
    stall.wrote()
    return response.write(chunk, stall.took)
  }
  // Silence is not the end here: pings and the stall take the place of the server's timeout.
  response.setTimeout(0)
  response.writeHead(200, headers)
  write(ping)
  // A slow reader is still to take the end when the next ping is due, and nothing may be written behind that.
  const pinging = setInterval(() => response.writableEnded || write(ping), options.ping)
  const cutOff = () => setTimeout(() => response.destroy(), closeGrace).unref()
  operation.signal.addEventListener('abort', cutOff)
  operation.send = (result) => (write(frameOf(result, operation)) ? null : roomFor(response))
  try {
    for await (const frame of toFrames(results, operation, options.maskErrors)) {
      if (!write(frame)) await roomFor(response)
      if (operation.signal.aborted) break
    }
    if (!operation.signal.aborted) write('event: complete\ndata:\n\n')
    stall.wrote()
    response.end(stall.took)
    await closed(response)
  } finally {
    clearInterval(pinging)
    stall.stop()
    operation.signal.removeEventListener('abort', cutOff)
    operation.abort()
  }
}

async function* toFrames(
  results: AsyncIterable<ExecutionResult>,
  operation: Operation,
  maskErrors: MaskErrors,
): AsyncGenerator<string> {
  try {
    for await (const result of results) yield toFrame(result, operation, maskErrors)
  } catch (error) {
    if (!operation.signal.aborted) yield toFrame({ errors: [error as never] }, operation, maskErrors)
  }
}

function toFrame(result: ExecutionResult, operation: Operation, maskErrors: MaskErrors): string {
  const errors = result.errors && maskErrors(result.errors, operation).map(formatError)
  return frameOf(JSON.stringify(errors ? { ...result, errors } : result), operation)
}

function frameOf(result: string, { event }: Operation): string {
  const cursor = event?.cursor
  const id = typeof cursor === 'string' && !/[\r\n\0]/.test(cursor) ? `id: ${cursor}\n` : ''
  return `event: next\n${id}data: ${result}\n\n`
}

/** Resolves when the connection has taken what waits, or is gone. */
function roomFor(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      response.off('drain', done)
      response.off('close', done)
      resolve()
    }
    response.on('drain', done)
    response.on('close', done)
    if (response.destroyed) done()
  })
}

function closed(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    if (response.closed) resolve()
    else response.once('close', resolve)
  })
}
