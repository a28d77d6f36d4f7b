import type { Tally } from './tally.ts'

const quote = 0x22

/** Finds the texts in a payload of JSON by the key in front of them, without parsing the rest. */
export class TextFinder {
  readonly #key: Buffer

  /** @param field - whose value is text of the answer; tokens hold nothing that JSON escapes */
  constructor(field: string) {
    this.#key = Buffer.from(`"${field}":"`)
  }

  /** Gives every text between `from` and `end` to `tally`; false when there was none. */
  read(tally: Tally, bytes: Buffer, from: number, end: number): boolean {
    let found = false
    for (let at = bytes.indexOf(this.#key, from); at >= 0 && at < end; found = true) {
      const start = at + this.#key.length
      const stop = bytes.indexOf(quote, start)
      tally.read(bytes, start, stop)
      at = bytes.indexOf(this.#key, stop)
    }
    return found
  }
}
