import { randomBytes } from 'node:crypto'
import { bodyStart, type Connection, openConnection, type Sink } from './connection.ts'

/**
 * The least of a WebSocket client: it gives the payload of each text frame as the bytes that came. Libraries cost
 * more than some of the servers that are measured.
 */
export class WebSocketClient {
  readonly #onText: Sink
  #connection: Connection | null = null
  #upgraded: (() => void) | null = null

  private constructor(onText: Sink) {
    this.#onText = onText
  }

  static async open(url: string, protocol: string | null, onText: Sink): Promise<WebSocketClient> {
    const client = new WebSocketClient(onText)
    const upgraded = new Promise<void>((resolve) => {
      client.#upgraded = resolve
    })
    const connection = await openConnection(url, (bytes) => client.#consume(bytes))
    client.#connection = connection
    connection.socket.write(handshake(url, protocol))
    await Promise.race([upgraded, connection.broken])
    return client
  }

  get #open(): Connection {
    if (!this.#connection) throw new Error('The WebSocket is not open yet')
    return this.#connection
  }

  get broken(): Promise<never> {
    return this.#open.broken
  }

  send(message: unknown): void {
    this.#open.socket.write(clientFrame(1, Buffer.from(JSON.stringify(message))))
  }

  /** Reads nothing until {@link resume}. */
  pause(): void {
    this.#open.socket.pause()
  }

  resume(): void {
    this.#open.socket.resume()
  }

  close(): void {
    this.#open.socket.destroy()
  }

  #consume(bytes: Buffer): number {
    let at = 0
    if (this.#upgraded) {
      at = bodyStart(bytes, 101)
      if (at === 0) return 0
      this.#upgraded()
      this.#upgraded = null
    }
    for (;;) {
      const next = this.#takeFrame(bytes, at)
      if (next === at) return at
      at = next
    }
  }

  /** Where the frame at `at` ends; `at` itself when it is not complete. Servers neither mask frames nor split them. */
  #takeFrame(bytes: Buffer, at: number): number {
    if (at + 2 > bytes.length) return at
    const short = bytes[at + 1]!
    const start = at + (short < 126 ? 2 : short === 126 ? 4 : 10)
    if (start > bytes.length) return at
    const length =
      short < 126 ? short : short === 126 ? bytes.readUInt16BE(at + 2) : bytes.readUInt32BE(at + 6)
    const end = start + length
    if (end > bytes.length) return at
    this.#onFrame(bytes[at]!, bytes, start, end)
    return end
  }

  #onFrame(head: number, bytes: Buffer, start: number, end: number): void {
    if (head === 0x81) this.#onText(bytes, start, end)
    else if (head === 0x89) this.#open.socket.write(clientFrame(0xa, bytes.subarray(start, end)))
    else if (head !== 0x8a)
      this.#open.socket.destroy(new Error(`Frame of ${head}: ${bytes.toString('utf8', start + 2, end)}`))
  }
}

function handshake(url: string, protocol: string | null): string {
  const { host, pathname } = new URL(url)
  return [
    `GET ${pathname} HTTP/1.1`,
    `Host: ${host}`,
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}`,
    ...(protocol === null ? [] : [`Sec-WebSocket-Protocol: ${protocol}`]),
    '\r\n',
  ].join('\r\n')
}

/** Masked with zeros, which changes nothing. */
function clientFrame(opcode: number, payload: Buffer): Buffer {
  const size = payload.length < 126 ? 6 : 8
  const frame = Buffer.alloc(size + payload.length)
  frame[0] = 0x80 | opcode
  frame[1] = 0x80 | (size === 6 ? payload.length : 126)
  if (size === 8) frame.writeUInt16BE(payload.length, 2)
  payload.copy(frame, size)
  return frame
}
