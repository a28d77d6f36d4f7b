import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

/** Everything is taken out of it before the next read, so all connections read into the same memory. */
const incoming = Buffer.allocUnsafe(256 * 1024)

/** A piece of `bytes`, only good until the call returns. */
export type Sink = (bytes: Buffer, start: number, end: number) => void

/** Takes what is whole from the beginning of `bytes`, and answers with how many bytes that were. */
type Consume = (bytes: Buffer) => number

export type Connection = {
  readonly socket: Socket
  /** Rejects when the connection ends; never resolves. */
  readonly broken: Promise<never>
}

/** Connects to the host of `url`; `consume` is given all that is not yet consumed whenever more comes. */
export async function openConnection(url: string, consume: Consume): Promise<Connection> {
  let rest: Buffer | null = null
  const callback = (length: number) => {
    const read = incoming.subarray(0, length)
    const bytes = rest ? Buffer.concat([rest, read]) : read
    const used = consume(bytes)
    rest = used < bytes.length ? Buffer.from(bytes.subarray(used)) : null
    return true
  }
  const { hostname, port } = new URL(url)
  const socket = connect({ host: hostname, port: Number(port), onread: { buffer: incoming, callback } })
  socket.setNoDelay(true)
  const broken = brokenBy(socket)
  await Promise.race([once(socket, 'connect'), broken])
  return { socket, broken }
}

function brokenBy(socket: Socket): Promise<never> {
  const broken = new Promise<never>((_resolve, reject) => {
    socket.once('error', reject)
    socket.once('close', () => reject(new Error('The connection was closed')))
  })
  // Whoever waits for something on the connection hears of it; at the end nobody does.
  broken.catch(() => {})
  return broken
}

const headEnd = Buffer.from('\r\n\r\n')

/** Where the body of an HTTP response begins, or 0 while its head is not complete. Throws unless its status is `status`. */
export function bodyStart(bytes: Buffer, status: number): number {
  const end = bytes.indexOf(headEnd)
  if (end < 0) return 0
  const head = bytes.toString('latin1', 0, end)
  if (!head.startsWith(`HTTP/1.1 ${status} `)) throw new Error(`Refused: ${head.split('\r\n')[0]}`)
  return end + headEnd.length
}
