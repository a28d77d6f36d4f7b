const width = 100
const longest = 20_000_000

/** Times in microseconds, counted to a tenth of a millisecond, up to twenty seconds. */
export class Histogram {
  readonly #counts = new Uint32Array(longest / width + 1)
  #total = 0

  add(time: number): void {
    this.#counts[Math.max(0, Math.min(longest, time) / width) | 0]! += 1
    this.#total += 1
  }

  /** Milliseconds below which `share` of the times lie; null when there are none. */
  percentile(share: number): number | null {
    if (this.#total === 0) return null
    let left = Math.ceil(this.#total * share)
    const bucket = this.#counts.findIndex((count) => {
      left -= count
      return left <= 0
    })
    return ((bucket + 0.5) * width) / 1_000
  }

  clear(): void {
    this.#counts.fill(0)
    this.#total = 0
  }
}
