import { fold, type Held, nothingHeld, type StreamedEvent } from './fold.ts'

/** A client that reads in the background, and everything that it was shown. */
export class Reading {
  readonly events: StreamedEvent[] = []
  /** What ended it: null, or the error of its connection. Never rejects. */
  ended: Promise<unknown> = Promise.resolve(null)
  readonly #held = new Map<string, Held>()
  readonly #watchers = new Set<() => void>()
  #over = true

  constructor(events: AsyncIterable<StreamedEvent>) {
    this.goOn(events)
  }

  /** Reads further over another connection, when the one before has ended. */
  goOn(events: AsyncIterable<StreamedEvent>): void {
    this.#over = false
    this.ended = this.#read(events).then(
      () => null,
      (error: unknown) => error,
    )
    void this.ended.then(() => {
      this.#over = true
      for (const look of this.#watchers) look()
    })
  }

  /** What it holds of a message. */
  held(messageId: string): Held {
    return this.#held.get(messageId) ?? nothingHeld
  }

  /** All parts of a message, one after the other. */
  text(messageId: string): string {
    return this.held(messageId).texts.join('')
  }

  /** Where it would go on. */
  get cursor(): string | null {
    return this.events.at(-1)?.cursor ?? null
  }

  /** Resolves once `check` holds, which is asked after every event; rejects when the reader ends before. */
  until(check: () => boolean): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const look = () => {
      if (check()) resolve()
      else if (this.#over) reject(new Error('The reader ended before it was shown what was waited for'))
      else return
      this.#watchers.delete(look)
    }
    this.#watchers.add(look)
    look()
    return promise
  }

  /** Resolves once it holds exactly this text of a message. */
  holds(messageId: string, text: string): Promise<void> {
    return this.until(() => this.text(messageId) === text)
  }

  async #read(events: AsyncIterable<StreamedEvent>): Promise<void> {
    for await (const event of events) {
      this.events.push(event)
      const { messageId } = event
      if (typeof messageId === 'string') this.#held.set(messageId, fold(this.held(messageId), event))
      for (const look of this.#watchers) look()
    }
  }
}
