import { now, type Question } from '../wire.ts'
import { Tally, type TokenListener } from './tally.ts'
import type { TextFinder } from './text-finder.ts'

/** What is known of the answers that readers have got, kept by whoever opened them. */
export type Watcher = {
  /** A frame with text: its bytes. */
  onFrame(bytes: number): void
  onToken(latency: number): void
  /** The first token of an answer: microseconds that it took beside what the upstream took. */
  onFirstToken(added: number): void
}

/** One client of a server under test, on a connection of its own. */
export type Reader = {
  /** Asks, and resolves when the whole answer was read. Rejects when a token was lost or doubled. */
  ask(question: Question): Promise<void>
  close(): void
  /** In a room: all but one of those who watch stop reading. */
  stall?(): void
  /** Those who had stopped read on. */
  resume?(): void
}

/** Reads one answer after the other out of what comes, for readers of every dialect. */
export class AnswerReader implements TokenListener {
  readonly #finder: TextFinder
  readonly #watcher: Watcher
  #tally = new Tally(this)
  #asked = 0
  #wanted = 0
  #settle: PromiseWithResolvers<void> = Promise.withResolvers()

  constructor(finder: TextFinder, watcher: Watcher) {
    this.#finder = finder
    this.#watcher = watcher
  }

  /** From now on what comes is a new answer; `broken` rejects when nothing more can come. */
  async begin(question: Question, broken: Promise<never>, send: () => void): Promise<void> {
    this.#tally = new Tally(this)
    this.#settle = Promise.withResolvers()
    this.#wanted = question.tokens
    this.#asked = now()
    send()
    await Promise.race([this.#settle.promise, broken])
    const { seen } = this.#tally
    if (seen !== this.#wanted) throw new Error(`${seen} tokens came instead of ${this.#wanted}`)
  }

  /** Whether all of the answer is there, whatever is still to come. */
  get whole(): boolean {
    return this.#tally.seen === this.#wanted
  }

  /** Whether the payload held text. */
  read(bytes: Buffer, start: number, end: number): boolean {
    try {
      const found = this.#finder.read(this.#tally, bytes, start, end)
      if (found) this.#watcher.onFrame(end - start)
      return found
    } catch (error) {
      this.fail(error)
      return true
    }
  }

  end(): void {
    this.#settle.resolve()
  }

  fail(error: unknown): void {
    this.#settle.reject(error)
  }

  onToken(latency: number, upstream: number | null): void {
    this.#watcher.onToken(latency)
    if (upstream !== null) this.#watcher.onFirstToken(now() - this.#asked - upstream)
  }
}
