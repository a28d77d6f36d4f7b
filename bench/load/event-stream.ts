import { bodyStart, openConnection, type Sink } from './connection.ts'

const lineEnd = Buffer.from('\r\n')

export type EventStreamClient = {
  readonly broken: Promise<never>
  /** Posts JSON, once. */
  post(body: unknown): void
  close(): void
}

/**
 * The least of an HTTP client for one response in chunks: these go to `onChunk`, and `onEnd` is called at the last.
 */
export async function openEventStream(
  url: string,
  onChunk: Sink,
  onEnd: () => void,
): Promise<EventStreamClient> {
  let inBody = false
  const { socket, broken } = await openConnection(url, (bytes) => {
    let at = inBody ? 0 : bodyStart(bytes, 200)
    inBody ||= at > 0
    for (let chunk = inBody && chunkAt(bytes, at); chunk; chunk = chunkAt(bytes, at)) {
      at = chunk.next
      if (chunk.end > chunk.start) onChunk(bytes, chunk.start, chunk.end)
      else onEnd()
    }
    return at
  })
  const { host, pathname } = new URL(url)
  const post = (body: unknown) => {
    const text = JSON.stringify(body)
    const head = [
      `POST ${pathname} HTTP/1.1`,
      `Host: ${host}`,
      'Content-Type: application/json',
      `Content-Length: ${Buffer.byteLength(text)}`,
    ]
    socket.write(`${head.join('\r\n')}\r\n\r\n${text}`)
  }
  return { broken, post, close: () => socket.destroy() }
}

type Chunk = { readonly start: number; readonly end: number; readonly next: number }

/** The chunk at `at`; null when it is not complete. */
function chunkAt(bytes: Buffer, at: number): Chunk | null {
  const sizeEnd = bytes.indexOf(lineEnd, at)
  if (sizeEnd < 0) return null
  const start = sizeEnd + lineEnd.length
  const end = start + Number.parseInt(bytes.toString('latin1', at, sizeEnd), 16)
  const next = end + lineEnd.length
  return next <= bytes.length ? { start, end, next } : null
}
