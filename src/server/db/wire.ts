import type { Duplex } from 'node:stream'
import { ownPrefix } from './prepared.ts'

/** A Postgres with one session, which runs messages of the wire protocol to their end before it returns. */
export type Backend = {
  /** `answer` gets what Postgres says; its bytes are valid only during the call. */
  run(messages: Uint8Array, answer: (bytes: Uint8Array) => void): void
  /** Whether the session is inside a transaction block, failed or not. */
  inTransaction(): boolean
}

/**
 * Lets many connections share the one session of `backend`, in turns; returns what takes a connection in.
 *
 * A turn is a unit: all messages up to a Query or a Sync, run in one go. Parse, Bind and Execute of two clients
 * would otherwise meet in the session's unnamed statement, and one of them would get the other's rows. A client
 * inside a transaction keeps the turn until it is through; when it goes away first, its transaction is rolled back.
 *
 * Named statements are the session's too: one of the server's own is prepared once for all of its connections, and
 * again when a tool that shares the session discards what it finds there.
 */
export function shareBackend(backend: Backend): (stream: Duplex) => void {
  const waiting: Turn[] = []
  const prepared = new Map<string, Buffer>()
  /** Whether those may be gone. */
  let discarded = false
  let owner: Duplex | null = null

  function runWaiting(): void {
    for (let turn = takeNext(); turn !== undefined; turn = takeNext()) {
      const { stream, unit } = turn
      stream.cork()
      run(unit.messages, stream)
      stream.uncork()
      owner = unit.kind === 'flushed' || backend.inTransaction() ? stream : null
    }
  }

  /** Prepares what another client has prepared no second time: that would be an error. */
  function run(messages: Buffer, stream: Duplex): void {
    if (discarded && !backend.inTransaction()) prepareAgain()
    const parse = ownParse(messages)
    const known = parse !== null && prepared.get(parse.name)?.equals(parse.message) === true
    if (known) stream.write(parseComplete)
    backend.run(known ? messages.subarray(parse.message.length) : messages, (bytes) => {
      if (parse && !known && bytes[0] === parseComplete[0])
        prepared.set(parse.name, Buffer.from(parse.message))
      stream.write(Buffer.from(bytes))
    })
    discarded ||= mayDiscard(messages)
  }

  /** Of the statements that are still there nothing but an error comes, which harms nothing outside a transaction. */
  function prepareAgain(): void {
    discarded = false
    for (const parse of prepared.values()) backend.run(Buffer.concat([parse, sync]), () => {})
  }

  function takeNext(): Turn | undefined {
    const index = owner === null ? 0 : waiting.findIndex((turn) => turn.stream === owner)
    return index < 0 ? undefined : waiting.splice(index, 1)[0]
  }

  function leave(stream: Duplex): void {
    waiting.splice(0, Infinity, ...waiting.filter((turn) => turn.stream !== stream))
    if (owner !== stream) return
    backend.run(abandon, () => {})
    owner = null
    runWaiting()
  }

  return (stream) => {
    const framing = new Framing()
    stream.on('data', (chunk: Buffer) => {
      for (const unit of framing.push(chunk)) {
        if (unit.kind === 'whole' || unit.kind === 'flushed') waiting.push({ stream, unit })
        else if (unit.kind === 'encryption') stream.write('N')
        else stream.end()
      }
      runWaiting()
    })
    // Why a connection broke is its client's business; `close` follows.
    stream.on('error', () => {})
    stream.on('close', () => leave(stream))
  }
}

type Turn = { readonly stream: Duplex; readonly unit: Messages }
type Messages = { readonly kind: 'whole' | 'flushed'; readonly messages: Buffer }
/** What a client asked for: to run messages, to encrypt the connection, or to end it. */
type Unit = Messages | { readonly kind: 'encryption' | 'end' }

const code = { sslRequest: 80877103, gssRequest: 80877104, cancelRequest: 80877102 }
const type = { query: 0x51, sync: 0x53, call: 0x46, flush: 0x48, terminate: 0x58, parse: 0x50 }
const parseComplete = Buffer.from('1\0\0\0\x04', 'latin1')
const lastOfUnit: readonly number[] = [type.query, type.sync, type.call, type.flush]

const sync = Buffer.from('S\0\0\0\x04', 'latin1')

/** Sync, then Query: whatever the session was in the middle of is over. */
const abandon = Buffer.from('S\0\0\0\x04Q\0\0\0\x0drollback\0', 'latin1')

/** The Parse of a statement of the server's own that a unit begins with. */
function ownParse(messages: Buffer): { name: string; message: Buffer } | null {
  if (messages[0] !== type.parse) return null
  const name = messages.toString('latin1', 5, messages.indexOf(0, 5))
  if (!name.startsWith(ownPrefix)) return null
  return { name, message: messages.subarray(0, 1 + messages.readInt32BE(1)) }
}

/** Whether a unit begins with a text that can end prepared statements. */
function mayDiscard(messages: Buffer): boolean {
  if (messages[0] !== type.query && messages[0] !== type.parse) return false
  return /\b(discard|deallocate)\b/i.test(messages.toString('latin1', 5, 1 + messages.readInt32BE(1)))
}

/** Cuts one client's bytes into units. Linear in their number, however they arrive. */
class Framing {
  #chunks: Buffer[] = []
  #length = 0
  /** Bytes that have to be there before the next message is whole. */
  #needed = 0
  /** Bytes of the unit so far, in whole messages. */
  #scanned = 0
  #started = false

  push(chunk: Buffer): Unit[] {
    this.#chunks.push(chunk)
    this.#length += chunk.length
    if (this.#length < this.#needed) return []
    const bytes = Buffer.concat(this.#chunks)
    const units: Unit[] = []
    let start = 0
    for (let end = this.#endOfMessage(bytes, 0); end !== null; end = this.#endOfMessage(bytes, start)) {
      const unit = this.#unitAt(bytes, start, end)
      this.#scanned = unit === null ? end - start : 0
      if (unit === null) continue
      units.push(unit)
      start = end
    }
    this.#chunks = [bytes.subarray(start)]
    this.#length = bytes.length - start
    this.#needed -= start
    return units
  }

  /** Where the message after what is scanned ends; null, with `#needed` set, while it is not all there. */
  #endOfMessage(bytes: Buffer, start: number): number | null {
    const at = start + this.#scanned
    const header = this.#started ? 5 : 8
    this.#needed = at + header
    if (bytes.length < this.#needed) return null
    // A typed message's length leaves its type out. A length that is too short cannot be told from rubbish.
    const size = this.#started ? 1 + bytes.readInt32BE(at + 1) : bytes.readInt32BE(at)
    this.#needed = at + Math.max(size, header)
    return bytes.length < this.#needed ? null : this.#needed
  }

  /** The unit that the last message before `end` completes, or null while there is more to it. */
  #unitAt(bytes: Buffer, start: number, end: number): Unit | null {
    const messages = bytes.subarray(start, end)
    if (!this.#started) return this.#startupUnit(messages)
    const last = bytes[start + this.#scanned]
    if (last === type.terminate) return { kind: 'end' }
    if (last === undefined || !lastOfUnit.includes(last)) return null
    return { kind: last === type.flush ? 'flushed' : 'whole', messages }
  }

  #startupUnit(messages: Buffer): Unit {
    const request = messages.readInt32BE(4)
    if (request === code.sslRequest || request === code.gssRequest) return { kind: 'encryption' }
    if (request === code.cancelRequest) return { kind: 'end' }
    this.#started = true
    return { kind: 'whole', messages }
  }
}
