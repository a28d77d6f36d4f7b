import type { IncomingMessage } from 'node:http'
import { RefusedError } from './guard.ts'

/** How much of a refused body is still read, so that its sender gets to see the answer. */
const longestDrain = { bodies: 8, milliseconds: 5_000 }

/**
 * The body of a request as text.
 *
 * @throws RefusedError 413 for more than `limit` bytes, 400 for what is not UTF-8
 */
export async function readBody(request: IncomingMessage, limit: number): Promise<string> {
  if (Number(request.headers['content-length'] ?? 0) > limit) throw tooLarge(request, limit)
  const chunks: Buffer[] = []
  await new Promise<void>((resolve, reject) => {
    let size = 0
    request.on('data', (chunk: Buffer) => {
      size += chunk.length
      if (size > limit) {
        request.removeAllListeners('data')
        reject(tooLarge(request, limit))
      } else chunks.push(chunk)
    })
    request.once('end', resolve)
    request.once('close', () => reject(new RefusedError(400, 'BAD_USER_INPUT', 'The body was cut off')))
  })
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks))
  } catch {
    throw new RefusedError(400, 'BAD_USER_INPUT', 'The body is not UTF-8')
  }
}

function tooLarge(request: IncomingMessage, limit: number): RefusedError {
  drain(request, limit)
  return new RefusedError(413, 'BAD_USER_INPUT', `The body is too large: at most ${limit} bytes are taken`)
}

/**
 * Reads on without keeping anything. Closing at once would reset the connection, and with it the answer that is
 * on its way.
 */
function drain(request: IncomingMessage, limit: number): void {
  let size = 0
  const timer = setTimeout(() => request.destroy(), longestDrain.milliseconds)
  request.once('close', () => clearTimeout(timer))
  request.once('end', () => clearTimeout(timer))
  request.on('data', (chunk: Buffer) => {
    size += chunk.length
    if (size > limit * longestDrain.bodies) request.destroy()
  })
  request.resume()
}
