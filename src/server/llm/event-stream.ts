/** One event of a `text/event-stream`. `event`: its name; null where it has none. */
export type ServerSentEvent = { readonly event: string | null; readonly data: string }

/** UTF-16 units of one event: far more than a model says at once. */
const maxEventLength = 16 * 2 ** 20

/** An event that does not end. */
export class EndlessEventError extends Error {
  override name = 'EndlessEventError'
}

/**
 * Reads a `text/event-stream` (WHATWG HTML, section 9.2.6) from its bytes, however they are cut. Linear in their
 * number. `id` and `retry` are for clients that come back, and say nothing here.
 */
export class EventStreamDecoder {
  readonly #utf8 = new TextDecoder()
  /** A CR at the end of what came: an LF may follow, and belongs to it. */
  #heldReturn = ''
  /** Of the line that is not whole. */
  #pieces: string[] = []
  #piecesLength = 0
  #event: string | null = null
  #data: string[] = []
  #dataLength = 0

  /** The events that are complete with these bytes. Throws EndlessEventError beyond 16 Mi units of one. */
  push(bytes: Uint8Array): ServerSentEvent[] {
    const events = this.#read(this.#decode(bytes))
    if (this.#piecesLength + this.#dataLength > maxEventLength) throw new EndlessEventError()
    return events
  }

  #read(text: string): ServerSentEvent[] {
    const end = text.lastIndexOf('\n')
    if (end < 0) {
      this.#pieces.push(text)
      this.#piecesLength += text.length
      return []
    }
    const lines = (this.#pieces.join('') + text.slice(0, end)).split('\n')
    this.#pieces = [text.slice(end + 1)]
    this.#piecesLength = text.length - end - 1
    return lines.flatMap((line) => this.#take(line) ?? [])
  }

  /** Text whose lines end with LF only. */
  #decode(bytes: Uint8Array): string {
    const text = this.#heldReturn + this.#utf8.decode(bytes, { stream: true })
    this.#heldReturn = ''
    if (!text.includes('\r')) return text
    if (text.endsWith('\r')) this.#heldReturn = '\r'
    return (this.#heldReturn ? text.slice(0, -1) : text).replace(/\r\n?/g, '\n')
  }

  #take(line: string): ServerSentEvent | null {
    if (line === '') return this.#dispatch()
    const colon = line.indexOf(':')
    const field = colon < 0 ? line : line.slice(0, colon)
    const value = colon < 0 ? '' : line.slice(line[colon + 1] === ' ' ? colon + 2 : colon + 1)
    if (field === 'data') this.#takeData(value)
    else if (field === 'event') this.#event = value
    return null
  }

  #takeData(value: string): void {
    this.#data.push(value)
    // With the line's end, so that empty lines count as well.
    this.#dataLength += value.length + 1
  }

  #dispatch(): ServerSentEvent | null {
    const event = this.#data.length > 0 ? { event: this.#event, data: this.#data.join('\n') } : null
    this.#event = null
    this.#data = []
    this.#dataLength = 0
    return event
  }
}
