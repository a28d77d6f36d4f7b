import { now, since } from '../wire.ts'

const space = 0x20
const colon = 0x3a

/** Told of every token that one reader gets. */
export type TokenListener = {
  /**
   * @param latency - microseconds from the upstream's write
   * @param upstream - of the first token: microseconds from the arrival of the request to the token's write
   */
  onToken(latency: number, upstream: number | null): void
}

/**
 * Reads the tokens of one answer wherever its text is cut, and holds that each comes once and in its order: the sum of
 * what was asked is counted by whoever asked.
 */
export class Tally {
  readonly #listener: TokenListener
  /** Number, time written and time arrived of the token under way. */
  readonly #fields = [0, 0, 0]
  #field = 0
  #seen = 0

  constructor(listener: TokenListener) {
    this.#listener = listener
  }

  get seen(): number {
    return this.#seen
  }

  /** Takes text: `bytes` from `start` to `end`. Throws when a token is missing or doubled. */
  read(bytes: Uint8Array, start: number, end: number): void {
    const time = now()
    for (let at = start; at < end; at += 1) {
      const byte = bytes[at]!
      if (byte === space) this.#finish(time)
      else if (byte === colon) this.#field += 1
      else
        this.#fields[this.#field] = this.#fields[this.#field]! * 36 + (byte < colon ? byte - 48 : byte - 87)
    }
  }

  #finish(time: number): void {
    const [number, written, arrived] = this.#fields as [number, number, number]
    if (number !== this.#seen + 1) throw new Error(`Token ${number} came after token ${this.#seen}`)
    this.#seen = number
    const upstream = this.#field === 2 ? since(arrived, written) : null
    this.#listener.onToken(since(written, time), upstream)
    this.#fields.fill(0)
    this.#field = 0
  }
}
