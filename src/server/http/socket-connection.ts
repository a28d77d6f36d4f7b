import type { Duplex } from 'node:stream'
import type { RawData, WebSocket } from 'ws'
import type { Credentials } from '../auth/authenticate.ts'
import type { Viewer } from '../auth/viewer.ts'
import { RequestError } from '../errors.ts'
import type { Logger } from '../log.ts'
import type { Operation } from './operation.ts'
import { createStallTimer } from './stall-timer.ts'
import { textFrame } from './text-frame.ts'

export type SocketSettings = {
  /** Bytes that may wait to be sent before nothing more is read from the client. */
  readonly mostWaiting: number
  /** Between two transport pings, and the longest wait for the answer. Milliseconds. */
  readonly ping: number
  /** A client that takes nothing for so long is closed with 1013. Milliseconds. */
  readonly stall: number
  readonly log: Logger
}

/** Thrown by a hook of the protocol to close its socket with this code. */
export class SocketClose extends Error {
  override name = 'SocketClose'
  readonly code: number

  constructor(code: number, reason: string) {
    super(reason)
    this.code = code
  }
}

/** How long a client may take to answer a close before its connection is cut. Milliseconds. */
const closeGrace = 1_000

/** Pings that a client may leave without an answer while it takes what is sent. */
const mostUnanswered = 4

/** Bytes that may wait to be sent before the source of a subscription is held up. */
const roomForResults = 65_536

/** One WebSocket from its upgrade to its end, with the operations under way on it. */
export class SocketConnection {
  readonly protocol: string
  /** Who sent `connection_init`; null before that. */
  viewer: Viewer | null = null
  readonly credentials: Credentials
  /** Resolves when the socket is closed. */
  readonly closed: Promise<void>
  readonly #socket: WebSocket
  /** What the socket's frames are written to. */
  readonly #stream: Duplex
  readonly #settings: SocketSettings
  readonly #stall
  readonly #operations = new Set<Operation>()
  readonly #subscriptions = new Set<Operation>()
  /** Pings in a row that were not answered, and whether anything was taken since the last one. */
  #unanswered = 0
  #hasTaken = false

  constructor(socket: WebSocket, stream: Duplex, credentials: Credentials, settings: SocketSettings) {
    this.#socket = socket
    this.#stream = stream
    this.protocol = socket.protocol
    this.credentials = credentials
    this.#settings = settings
    this.#stall = createStallTimer(settings.stall, () => this.close(1013, 'Too slow'))
    const pinging = setInterval(() => this.#ping(), settings.ping)
    socket.on('pong', () => {
      this.#unanswered = 0
    })
    // Oversize and malformed frames: ws has sent the close code by then.
    socket.on('error', (error) => settings.log.debug({ err: error }, 'a WebSocket broke the protocol'))
    this.closed = new Promise((resolve) => {
      socket.once('close', () => {
        clearInterval(pinging)
        this.#stall.stop()
        this.#abortOperations()
        resolve()
      })
    })
  }

  /** Resolves when the client's side has taken the message: this is what holds up a source. Never rejects. */
  send(message: string): Promise<void> {
    return new Promise((resolve) => {
      if (!this.#write(message, resolve)) resolve()
    })
  }

  /** The same for results that come one after the other: resolves, or returns null, when there is room for more. */
  sendResult(message: string): Promise<void> | null {
    if (this.#stream.writableLength > roomForResults) return this.send(message)
    this.#write(message)
    return null
  }

  /** Writes a whole text frame, past `ws`, which would hand its header and its text over one by one. */
  #write(message: string, then?: () => void): boolean {
    if (this.#socket.readyState !== this.#socket.OPEN) return false
    this.#stall.wrote()
    this.#stream.write(textFrame(message), then ? () => this.#took(then) : this.#tookOne)
    if (this.#isFull()) this.#socket.pause()
    return true
  }

  readonly #tookOne = () => this.#took()

  #took(then?: () => void): void {
    this.#stall.took()
    this.#hasTaken = true
    if (this.#socket.isPaused && !this.#isFull()) this.#socket.resume()
    then?.()
  }

  /** Calls `receive` with each message until the socket closes; what that throws closes it. */
  onMessage(receive: (message: string) => Promise<void>): void {
    this.#socket.on('message', (data, isBinary) => {
      if (this.#socket.readyState !== this.#socket.OPEN) return
      if (isBinary) return this.close(4400, 'Binary frames are not part of graphql-transport-ws')
      receive(textOf(data)).catch((error: unknown) => this.#closeFor(error))
    })
  }

  /** Starts the close, ends what is under way, and cuts the connection of a client that does not answer. */
  close(code: number, reason: string): void {
    this.#socket.close(code, reason)
    // After the close: the ends of these streams must not reach the client as if they were complete.
    this.#abortOperations()
    this.#stall.stop()
    const cut = setTimeout(() => this.#socket.terminate(), closeGrace)
    this.#socket.once('close', () => clearTimeout(cut))
  }

  /** Ends the operation with the connection. */
  track(operation: Operation): void {
    keepUntilAborted(this.#operations, operation)
  }

  /** @throws RequestError TOO_MANY_SUBSCRIPTIONS where `most` are under way already */
  trackSubscription(operation: Operation, most: number): void {
    if (this.#subscriptions.size >= most) {
      throw new RequestError(
        'TOO_MANY_SUBSCRIPTIONS',
        `At most ${most} subscriptions are taken on one socket`,
      )
    }
    keepUntilAborted(this.#subscriptions, operation)
  }

  /**
   * A client that takes what is sent may be there, with the ping still behind that: it has longer to answer, but not
   * for ever, because what the kernel takes says little. Where something waits for room, the stall ends it.
   */
  #ping(): void {
    const most = this.#hasTaken ? mostUnanswered : 0
    if (this.#unanswered > most && this.#socket.bufferedAmount === 0) return this.#socket.terminate()
    this.#unanswered += 1
    this.#hasTaken = false
    this.#socket.ping()
  }

  /** A client that sends without reading is not read either: its answers would pile up here. */
  #isFull(): boolean {
    return this.#socket.bufferedAmount > this.#settings.mostWaiting
  }

  #closeFor(error: unknown): void {
    if (error instanceof SocketClose) return this.close(error.code, error.message)
    if (error instanceof Error && error.message.startsWith('Unexpected message')) {
      return this.close(4400, 'Invalid message received')
    }
    this.#settings.log.error({ err: error }, 'a WebSocket message could not be handled')
    this.close(4500, 'Internal server error')
  }

  #abortOperations(): void {
    for (const operation of [...this.#operations]) operation.abort()
  }
}

function keepUntilAborted(operations: Set<Operation>, operation: Operation): void {
  operations.add(operation)
  operation.signal.addEventListener('abort', () => operations.delete(operation))
}

function textOf(data: RawData): string {
  return Array.isArray(data) ? Buffer.concat(data).toString() : Buffer.from(data as Buffer).toString()
}
