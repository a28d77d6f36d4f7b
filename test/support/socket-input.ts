import type { Socket } from 'node:net'

/** First byte of a WebSocket frame with a whole text message. */
export const textFrame = 0x81

/** A frame as clients send it, with a mask of zeros, which changes nothing. */
export function clientFrame(type: number, text: string): Buffer {
  const body = Buffer.from(text)
  const head = Buffer.from([type, 0x80 | 126, 0, 0, 0, 0, 0, 0])
  head.writeUInt16BE(body.length, 2)
  return Buffer.concat([head, body])
}

/** One WebSocket frame: its first byte, what it carries, and all of its bytes. */
export type Frame = { readonly type: number; readonly body: Buffer; readonly bytes: Buffer }

/** What comes over a connection, read only as far as somebody asks for it. Everything is null where it ends before. */
export class SocketInput {
  readonly #chunks: AsyncIterator<Buffer>
  #rest: Buffer = Buffer.alloc(0)

  constructor(socket: Socket) {
    this.#chunks = socket[Symbol.asyncIterator]() as AsyncIterator<Buffer>
  }

  /** Everything up to the next `end`. */
  async through(end: string): Promise<Buffer | null> {
    let from = 0
    for (;;) {
      const at = this.#rest.indexOf(end, from)
      if (at >= 0) return this.#take(at + end.length)
      from = Math.max(0, this.#rest.length - end.length)
      if (!(await this.#more())) return null
    }
  }

  /** So many bytes. */
  async bytes(length: number): Promise<Buffer | null> {
    return (await this.#atLeast(length)) ? this.#take(length) : null
  }

  /** Whatever comes next. */
  async some(): Promise<Buffer | null> {
    return (await this.#atLeast(1)) ? this.#take(this.#rest.length) : null
  }

  /** The next frame, of a server or of a client. */
  async frame(): Promise<Frame | null> {
    if (!(await this.#atLeast(2))) return null
    const [type = 0, second = 0] = this.#rest
    const short = second & 127
    const maskLength = second & 128 ? 4 : 0
    const lengthEnd = short === 127 ? 10 : short === 126 ? 4 : 2
    if (!(await this.#atLeast(lengthEnd))) return null
    const length =
      short === 127
        ? Number(this.#rest.readBigUInt64BE(2))
        : short === 126
          ? this.#rest.readUInt16BE(2)
          : short
    const bytes = await this.bytes(lengthEnd + maskLength + length)
    if (!bytes) return null
    const mask = bytes.subarray(lengthEnd, lengthEnd + maskLength)
    const body = bytes.subarray(lengthEnd + maskLength)
    return { type, bytes, body: maskLength ? (body.map((byte, at) => byte ^ mask[at % 4]!) as Buffer) : body }
  }

  async #atLeast(length: number): Promise<boolean> {
    while (this.#rest.length < length) if (!(await this.#more())) return false
    return true
  }

  async #more(): Promise<boolean> {
    // A connection that is reset ends like any other.
    const next = await this.#chunks.next().catch(() => ({ done: true as const, value: undefined }))
    if (next.done) return false
    this.#rest = Buffer.concat([this.#rest, next.value])
    return true
  }

  #take(length: number): Buffer {
    const taken = this.#rest.subarray(0, length)
    this.#rest = this.#rest.subarray(length)
    return taken
  }
}
