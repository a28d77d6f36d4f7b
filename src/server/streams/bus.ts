import { setTimeout as sleep } from 'node:timers/promises'
import { reasonOf, StartError } from '../errors.ts'
import type { Logger } from '../log.ts'
import type { Tail } from './content.ts'
import type { Contents } from './contents.ts'
import type { Topic, WakeUps } from './wake-ups.ts'

/** One connection to what carries hints between processes. It ends when it breaks or is silent for too long. */
export interface Line {
  /** Tells the other processes. Resolves when it is handed over; a failure ends the line. */
  send(hints: Hints): Promise<void>
  /** From now on this process wants hints of a topic. Resolves once they come; null: they come already. */
  watch(topic: Topic): Promise<unknown> | null
  unwatch(topic: Topic): void
  /** Asks for a sign of life: a line that is cut somewhere on the way says nothing by itself. */
  check(): Promise<unknown>
  /** Resolves, with the reason, when nothing comes any more. */
  readonly ended: Promise<Error>
  close(): void
}

/** Topics to wake, and of runs the text that was committed since the last hint; null: look into the database. */
export type Hints = ReadonlyMap<Topic, Tail | null>

/**
 * Opens a line. `hear` is called with what other processes have woken, never with what was sent on the line itself.
 * A line may leave out tails.
 *
 * @throws StartError where trying again is of no use, because the setting is wrong
 */
export type Connect = (hear: (topics: readonly Topic[], tails: readonly Tail[]) => void) => Promise<Line>

/** Milliseconds between two sends of one process, between two looks whether a line lives, and between two attempts. */
const sendInterval = 20
const checkInterval = 10_000
const firstPause = 200
const longestPause = 5_000
/** UTF-16 units that one run may have waiting here; what is longer is read from the database. */
const longestTail = 16_000
/** How long a stop waits for hints that are still to be sent, in milliseconds. */
const closeTimeout = 1_000

/**
 * Carries hints to the other processes and back, over one line that is kept up: while it is down hints are dropped,
 * and when it is back everything that is watched here is woken once, because hints of others are missing.
 */
export class Bus {
  readonly #name: string
  readonly #connect: Connect
  readonly #local: WakeUps
  readonly #contents: Contents
  readonly #log: Logger
  readonly #closing = new AbortController()
  #waiting = new Map<Topic, Tail | null>()
  #line: Line | null = null
  #sending: Promise<void> | null = null
  #kept: Promise<void> = Promise.resolve()
  #isDown = false

  /** `name` is what operators know it by; `local` is whom to wake, `contents` what committed text is added to. */
  constructor(name: string, connect: Connect, local: WakeUps, contents: Contents, log: Logger) {
    this.#name = name
    this.#connect = connect
    this.#local = local
    this.#contents = contents
    this.#log = log
  }

  /**
   * Connects. Where nothing answers it says so once and goes on trying, and the server starts without.
   *
   * @throws StartError where the setting is wrong
   */
  async start(): Promise<void> {
    const line = await this.#open(true)
    this.#kept = this.#keep(line)
  }

  get isUp(): boolean {
    return this.#line !== null
  }

  /** Sends at once, but no sooner than 20 ms after the send before; meanwhile hints of one topic become one. */
  publish(topics: Iterable<Topic>, tails: readonly Tail[] = []): void {
    if (!this.#line) return
    const told = new Map<Topic, Tail>(tails.map((tail) => [`run:${tail.generationId}`, tail]))
    for (const topic of topics)
      this.#waiting.set(topic, joined(this.#waiting.get(topic), told.get(topic) ?? null))
    this.#sending ??= this.#sendWaiting()
  }

  watch(topic: Topic): void {
    // What was said before the hints come has not been heard: look once more when they do.
    this.#line?.watch(topic)?.then(
      () => this.#local.wakeHere([topic]),
      () => {},
    )
  }

  unwatch(topic: Topic): void {
    this.#line?.unwatch(topic)
  }

  /** Sends what is waiting, and hangs up. */
  async close(): Promise<void> {
    await Promise.race([this.#sending, sleep(closeTimeout, undefined, { ref: false })])
    this.#closing.abort()
    this.#line?.close()
    await this.#kept
  }

  async #sendWaiting(): Promise<void> {
    while (this.#line && this.#waiting.size > 0) {
      const hints = this.#waiting
      this.#waiting = new Map()
      // One batch at a time: what a slow line does not take is gathered, not queued.
      await Promise.all([this.#line.send(hints).catch(() => {}), sleep(sendInterval)])
    }
    this.#waiting.clear()
    this.#sending = null
  }

  async #keep(first: Line | null): Promise<void> {
    let line = first
    for (let failures = 0; !this.#closing.signal.aborted; ) {
      if (line) {
        failures = 0
        await this.#use(line)
      } else failures += 1
      await this.#pause(failures)
      line = await this.#open(false)
    }
    line?.close()
  }

  /** Serves until the line has ended. */
  async #use(line: Line): Promise<void> {
    this.#line = line
    const checking = setInterval(() => void line.check().catch(() => {}), checkInterval)
    const watched = this.#local.watched()
    const watching = watched.map((topic) => line.watch(topic)).filter((coming) => coming !== null)
    // In vain where the line ends before that; then there is the next one.
    Promise.all(watching).then(
      () => this.#local.wakeHere(watched),
      () => {},
    )
    const reason = await line.ended
    clearInterval(checking)
    line.close()
    this.#line = null
    this.#tellDown(reason)
  }

  async #open(isStart: boolean): Promise<Line | null> {
    if (this.#closing.signal.aborted) return null
    try {
      const line = await this.#connect((...heard) => this.#hear(...heard))
      if (this.#isDown) this.#log.info(`${this.#name} carries wake-ups again`)
      this.#isDown = false
      return line
    } catch (error) {
      if (isStart && error instanceof StartError) throw error
      this.#tellDown(error)
      return null
    }
  }

  #hear(topics: readonly Topic[], tails: readonly Tail[]): void {
    const { grown = [], unknown = [] } = Object.groupBy(tails, (tail) =>
      this.#contents.extend(tail) ? 'grown' : 'unknown',
    )
    this.#local.wakeHere([...topics, ...unknown.map(({ generationId }) => `run:${generationId}` as const)])
    this.#local.wakeGrown(grown.map(({ generationId }) => generationId))
  }

  #tellDown(reason: unknown): void {
    if (this.#isDown || this.#closing.signal.aborted) return
    this.#isDown = true
    // The reason alone: an error of a client can hold the password that it has sent.
    this.#log.warn(
      { reason: reasonOf(reason) },
      `${this.#name} does not answer: streams go on from Postgres, later than usual`,
    )
  }

  async #pause(failures: number): Promise<void> {
    const longest = Math.min(longestPause, firstPause * 2 ** failures)
    const wait = longest * (0.5 + Math.random() / 2)
    await sleep(wait, undefined, { signal: this.#closing.signal, ref: false }).catch(() => {})
  }
}

/** What there is to say of a run that was woken twice; null as soon as the database has to be asked. */
function joined(before: Tail | null | undefined, next: Tail | null): Tail | null {
  if (before === undefined) return next && bounded(next)
  if (!before || !next || before.revision !== next.revision) return null
  const [last, first] = [before.chunks.at(-1)!, next.chunks[0]!]
  if (first.part !== last.part || first.start !== last.start + last.text.length) return null
  return bounded({ ...next, chunks: [...before.chunks, ...next.chunks] })
}

function bounded(tail: Tail): Tail | null {
  return tail.chunks.reduce((length, { text }) => length + text.length, 0) > longestTail ? null : tail
}

/** The wake-ups of this process, and those of the others over the first of these buses that is up. */
export function overBuses(local: WakeUps, buses: readonly Bus[]): WakeUps {
  return {
    ...local,
    wake(topics, tails) {
      const woken = [...topics]
      buses.find((bus) => bus.isUp)?.publish(woken, tails)
      return local.wakeHere(woken)
    },
  }
}
