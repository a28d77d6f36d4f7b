/** UTF-16 units after which a new piece begins. Joining a piece copies it, so they are short. */
const pieceLength = 1_024
const encoder = new TextEncoder()

/** Text that only grows at its end. What is read from it costs as much as that is long, however long the whole is. */
export class GrowingText {
  readonly #pieces: string[] = []
  readonly #starts: number[] = []
  #length = 0

  /** In UTF-16 units. */
  get length(): number {
    return this.#length
  }

  append(text: string): void {
    const last = this.#pieces.length - 1
    const piece = this.#pieces[last] ?? ''
    if (last >= 0 && piece.length < pieceLength) this.#pieces[last] = piece + text
    else {
      this.#pieces.push(text)
      this.#starts.push(this.#length)
    }
    this.#length += text.length
  }

  slice(from: number, to = this.#length): string {
    const parts: string[] = []
    for (let index = this.#pieceAt(from); index < this.#pieces.length; index++) {
      const start = this.#starts[index]!
      if (start >= to) break
      parts.push(this.#pieces[index]!.slice(Math.max(from - start, 0), to - start))
    }
    return parts.join('')
  }

  /** As much from `from` on as fits into `bytes` of UTF-8, and never half of a surrogate pair. */
  sliceBytes(from: number, scratch: Uint8Array): string {
    const text = this.slice(from, Math.min(from + scratch.length, this.#length))
    // No unit takes more than three bytes.
    if (text.length * 3 <= scratch.length) return text
    const { read } = encoder.encodeInto(text, scratch)
    const last = text.charCodeAt(read - 1)
    const splitsPair = from + read < this.#length && last >= 0xd800 && last < 0xdc00
    return text.slice(0, splitsPair ? read - 1 : read)
  }

  toString(): string {
    return this.slice(0)
  }

  /** The piece that holds the unit at `offset`. Readers are mostly at the end. */
  #pieceAt(offset: number): number {
    const last = this.#starts.length - 1
    if (offset >= (this.#starts[last] ?? 0)) return Math.max(last, 0)
    let [low, high] = [0, last]
    while (low < high - 1) {
      const middle = (low + high) >> 1
      if (this.#starts[middle]! <= offset) low = middle
      else high = middle
    }
    return low
  }
}
