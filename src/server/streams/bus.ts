import { setTimeout as sleep } from 'node:timers/promises'
import { reasonOf, StartError } from '../errors.ts'
import type { Logger } from '../log.ts'
import type { Topic, WakeUps } from './wake-ups.ts'

/** One connection to what carries hints between processes. It ends when it breaks or is silent for too long. */
export interface Line {
  /** Tells the other processes. Resolves when it is handed over; a failure ends the line. */
  send(topics: readonly Topic[]): Promise<void>
  /** From now on this process wants hints of a topic. Resolves once they come; null: they come already. */
  watch(topic: Topic): Promise<unknown> | null
  unwatch(topic: Topic): void
  /** Asks for a sign of life: a line that is cut somewhere on the way says nothing by itself. */
  check(): Promise<unknown>
  /** Resolves, with the reason, when nothing comes any more. */
  readonly ended: Promise<Error>
  close(): void
}

/**
 * Opens a line. `hear` is called with what other processes have woken, never with what was sent on the line itself.
 *
 * @throws StartError where trying again is of no use, because the setting is wrong
 */
export type Connect = (hear: (topics: readonly Topic[]) => void) => Promise<Line>

/** Milliseconds between two sends of one process, between two looks whether a line lives, and between two attempts. */
const sendInterval = 20
const checkInterval = 10_000
const firstPause = 200
const longestPause = 5_000
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
  readonly #log: Logger
  readonly #closing = new AbortController()
  readonly #waiting = new Set<Topic>()
  #line: Line | null = null
  #sending: Promise<void> | null = null
  #kept: Promise<void> = Promise.resolve()
  #isDown = false

  /** `name` is what operators know it by; `local` is whom to wake. */
  constructor(name: string, connect: Connect, local: WakeUps, log: Logger) {
    this.#name = name
    this.#connect = connect
    this.#local = local
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
  publish(topics: Iterable<Topic>): void {
    if (!this.#line) return
    for (const topic of topics) this.#waiting.add(topic)
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
      const topics = [...this.#waiting]
      this.#waiting.clear()
      // One batch at a time: what a slow line does not take is gathered, not queued.
      await Promise.all([this.#line.send(topics).catch(() => {}), sleep(sendInterval)])
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
      const line = await this.#connect((topics) => this.#local.wakeHere(topics))
      if (this.#isDown) this.#log.info(`${this.#name} carries wake-ups again`)
      this.#isDown = false
      return line
    } catch (error) {
      if (isStart && error instanceof StartError) throw error
      this.#tellDown(error)
      return null
    }
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

/** The wake-ups of this process, and those of the others over the first of these buses that is up. */
export function overBuses(local: WakeUps, buses: readonly Bus[]): WakeUps {
  return {
    ...local,
    wake(topics) {
      const woken = [...topics]
      buses.find((bus) => bus.isUp)?.publish(woken)
      return local.wakeHere(woken)
    },
  }
}
