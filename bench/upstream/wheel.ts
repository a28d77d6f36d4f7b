/** Calls of a rhythm: everything in it is called once in so many milliseconds, spread as it came. */
export type Turn = { advance(): void }

/**
 * One timer for any number of streams. A stream's slot is the millisecond in which it began, modulo its pace; each
 * tick serves the slots that have come due.
 */
export class Wheel {
  readonly #slots = new Map<number, Set<Turn>[]>()
  #served = this.#millisecond()
  #turns = 0

  /** Calls `turn.advance` every `pace` milliseconds (a whole number), until the returned function is called. */
  add(turn: Turn, pace: number): () => void {
    const slots = this.#slots.get(pace) ?? Array.from({ length: pace }, () => new Set<Turn>())
    this.#slots.set(pace, slots)
    const slot = slots[this.#millisecond() % pace]!
    slot.add(turn)
    if (this.#turns++ === 0) this.#start()
    return () => {
      if (slot.delete(turn)) this.#turns -= 1
    }
  }

  #start(): void {
    this.#served = this.#millisecond()
    setTimeout(this.#tick, 1)
  }

  readonly #tick = () => {
    const until = this.#millisecond()
    for (const [pace, slots] of this.#slots) this.#serve(slots, pace, until)
    this.#served = until
    if (this.#turns > 0) setTimeout(this.#tick, 1)
  }

  #serve(slots: readonly Set<Turn>[], pace: number, until: number): void {
    const from = Math.max(this.#served, until - pace) + 1
    for (let time = from; time <= until; time += 1) {
      for (const turn of slots[time % pace]!) turn.advance()
    }
  }

  #millisecond(): number {
    return Math.floor(performance.now())
  }
}
