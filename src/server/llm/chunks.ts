import type { Readable } from 'node:stream'

/** Bytes that may wait for the reader before their sender is held back. */
const highWater = 65_536

/**
 * The chunks of a stream, held back while nobody reads. It flows: the iterator of Readable takes several times as
 * long for each chunk, and a token is one.
 *
 * @throws what the stream fails of, after the chunks that came before
 */
export async function* chunksOf(stream: Readable): AsyncGenerator<Uint8Array, void, void> {
  let waiting: Uint8Array[] = []
  let size = 0
  const end: { come: boolean; error: Error | null } = { come: false, error: null }
  let wake = () => {}
  const finish = (error: Error | null) => {
    if (!end.come) Object.assign(end, { come: true, error })
    wake()
  }
  const take = (chunk: Uint8Array) => {
    waiting.push(chunk)
    size += chunk.byteLength
    if (size > highWater) stream.pause()
    wake()
  }
  // These stay: what fails after the reader has gone is nobody's failure.
  stream.on('error', finish)
  stream.once('end', () => finish(null))
  const closed = () => finish(new Error('The connection was closed'))
  stream.once('close', closed)
  if (stream.closed) closed()
  stream.on('data', take)
  try {
    while (waiting.length > 0 || !end.come) {
      if (waiting.length === 0) {
        await new Promise<void>((resolve) => {
          wake = resolve
        })
        continue
      }
      const chunks = waiting
      waiting = []
      size = 0
      stream.resume()
      for (const chunk of chunks) yield chunk
    }
    if (end.error) throw end.error
  } finally {
    stream.off('data', take)
  }
}
