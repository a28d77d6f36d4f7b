import { bodyStart, openConnection, type Sink } from './connection.ts'

const lineEnd = Buffer.from('\r\n')

export type EventStreamClient = {
  readonly broken: Promise<never>
  /** Posts JSON; the chunks of the response's body go to the sink, then `onEnd` is called. */
  post(body: unknown): void
  close(): void
}

/** The least of an HTTP client for responses in chunks, one after the other on one connection. */
export async function openEventStream(
  url: string,
  onChunk: Sink,
  onEnd: () => void,
): Promise<EventStreamClient> {
  let inBody = false
  const consume = (bytes: Buffer): number => {
    let at = 0
    for (;;) {
      if (!inBody) {
        const start = bodyStart(bytes.subarray(at), 200)
        if (start === 0) return at
        at += start
        inBody = true
      }
      const chunk = chunkAt(bytes, at)
      if (!chunk) return at
      at = chunk.next
      if (chunk.end > chunk.start) onChunk(bytes, chunk.start, chunk.end)
      else {
        inBody = false
        onEnd()
      }
    }
  }
  const { socket, broken } = await openConnection(url, consume)
  const { host, pathname } = new URL(url)
  return {
    broken,
    post: (body) => {
      const text = JSON.stringify(body)
      socket.write(
        `POST ${pathname} HTTP/1.1\r\nHost: ${host}\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`,
      )
    },
    close: () => socket.destroy(),
  }
}

function chunkAt(bytes: Buffer, at: number): { start: number; end: number; next: number } | null {
  const sizeEnd = bytes.indexOf(lineEnd, at)
  if (sizeEnd < 0) return null
  const start = sizeEnd + lineEnd.length
  const end = start + Number.parseInt(bytes.toString('latin1', at, sizeEnd), 16)
  const next = end + lineEnd.length
  return next <= bytes.length ? { start, end, next } : null
}
