import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { pick, type Random } from './random.ts'
import { clientFrame, type Frame, SocketInput, textFrame } from './socket-input.ts'

const mischiefs = ['delay', 'cut', 'drop', 'duplicate'] as const
type Mischief = (typeof mischiefs)[number]

/** Milliseconds. */
const longestDelay = 60
const longestSilence = 300

/** A relay that understands HTTP and WebSocket, and does harm to a share of what it carries. */
export type ChaosProxy = AsyncDisposable & {
  /** The server's, through here. */
  readonly url: string
  /** What share of all requests, messages and pieces of responses comes to harm from now on: from 0 to 1. */
  harm: number
  /** How often it did what. */
  readonly done: Readonly<Record<Mischief | 'passed', number>>
}

/**
 * Harm is one of these, at random. `delay`: it arrives later. `cut`: the connection breaks at some byte of it. `drop`:
 * it never arrives, nor, as TCP has it, anything behind it, until the connection breaks. `duplicate`: a request or an
 * operation is sent once more, on its own connection or under its own id, and an event comes twice.
 */
export async function startChaosProxy(target: string, random: Random, harm = 0.3): Promise<ChaosProxy> {
  const { hostname, port } = new URL(target)
  const lines = new Set<Line>()
  const done = { passed: 0, delay: 0, cut: 0, drop: 0, duplicate: 0 }
  const server = createServer((client) => {
    const line = new Line(client, () => connect(Number(port), hostname), {
      random,
      next: () => {
        const what = random() < proxy.harm ? pick(random, mischiefs) : 'passed'
        done[what] += 1
        return what
      },
    })
    lines.add(line)
    client.once('close', () => lines.delete(line))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const proxy: ChaosProxy = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    harm,
    done,
    async [Symbol.asyncDispose]() {
      for (const line of lines) line.cut()
      server.close()
      await once(server, 'close')
    },
  }
  return proxy
}

type Fate = { readonly random: Random; readonly next: () => Mischief | 'passed' }

/** Something on its way; `again` sends it once more, where that means anything. */
type Piece = { readonly bytes: Buffer; readonly again?: () => void }

/** One connection of a client, and the one to the server behind it. */
class Line {
  readonly #client: Socket
  readonly #server: Socket
  readonly #connect: () => Socket
  readonly #fate: Fate
  #isSilent = false

  constructor(client: Socket, connectServer: () => Socket, fate: Fate) {
    this.#client = client
    this.#server = connectServer()
    this.#connect = connectServer
    this.#fate = fate
    for (const socket of [this.#client, this.#server]) {
      socket.on('error', () => {})
      socket.on('close', () => this.cut())
    }
    const upgraded = Promise.withResolvers<boolean>()
    void this.#carryRequests(upgraded.resolve).finally(() => this.cut())
    void this.#carryResponses(upgraded.promise).finally(() => this.cut())
  }

  cut(): void {
    for (const socket of [this.#client, this.#server]) socket.resetAndDestroy()
  }

  async #carryRequests(upgraded: (isSocket: boolean) => void): Promise<void> {
    const input = new SocketInput(this.#client)
    for (;;) {
      const head = await input.through('\r\n\r\n')
      const text = head?.toString('latin1') ?? ''
      const body = await input.bytes(Number(/^content-length: *(\d+)/im.exec(text)?.[1] ?? 0))
      if (!head || !body) return
      const bytes = Buffer.concat([head, body])
      const isSocket = /^upgrade: *websocket/im.test(text)
      upgraded(isSocket)
      const again = () => this.#sendAlone(bytes)
      await this.#carry(this.#server, { bytes, ...(text.startsWith('POST') && { again }) })
      if (isSocket) return this.#carryFrames(input, this.#server, (frame) => this.#operationAgain(frame))
    }
  }

  async #carryResponses(upgraded: Promise<boolean>): Promise<void> {
    const input = new SocketInput(this.#server)
    if (await upgraded) {
      const bytes = await input.through('\r\n\r\n')
      if (bytes) await this.#carry(this.#client, { bytes })
      return this.#carryFrames(input, this.#client, (frame) => this.#eventAgain(frame))
    }
    for (let bytes = await input.some(); bytes; bytes = await input.some()) {
      await this.#carry(this.#client, { bytes })
    }
  }

  async #carryFrames(
    input: SocketInput,
    to: Socket,
    againOf: (frame: Frame) => (() => void) | undefined,
  ): Promise<void> {
    for (let frame = await input.frame(); frame; frame = await input.frame()) {
      const again = againOf(frame)
      await this.#carry(to, { bytes: frame.bytes, ...(again && { again }) })
    }
  }

  async #carry(to: Socket, { bytes, again }: Piece): Promise<void> {
    const { random, next } = this.#fate
    const fate = next()
    if (this.#isSilent) return
    if (fate === 'delay') await delay(random() * longestDelay)
    // Nothing may come behind a gap: TCP never lets it.
    if (fate === 'drop' || fate === 'cut') this.#isSilent = true
    if (fate === 'drop') {
      await delay(random() * longestSilence)
      return this.cut()
    }
    if (fate === 'cut') {
      to.write(bytes.subarray(0, Math.floor(random() * bytes.length)), () => this.cut())
      return
    }
    to.write(bytes)
    if (fate === 'duplicate') again?.()
  }

  /** The whole request on a connection of its own; nobody is told what came of it. */
  #sendAlone(request: Buffer): void {
    const socket = this.#connect()
    socket.on('error', () => {})
    socket.once('data', () => socket.destroy())
    socket.write(request)
  }

  /** A protocol error it would be under the same id. */
  #operationAgain({ type, body }: Frame): (() => void) | undefined {
    if (type !== textFrame) return undefined
    const message = JSON.parse(body.toString()) as { type: string; id?: string }
    if (message.type !== 'subscribe') return undefined
    const copy = JSON.stringify({ ...message, id: `${message.id}-again` })
    return () => void this.#server.write(clientFrame(textFrame, copy))
  }

  #eventAgain({ type, body, bytes }: Frame): (() => void) | undefined {
    const isEvent = type === textFrame && body.subarray(0, 200).toString().includes('"type":"next"')
    return isEvent ? () => void this.#client.write(bytes) : undefined
  }
}
