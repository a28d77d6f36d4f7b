import { setTimeout as sleep } from 'node:timers/promises'
import type { Db } from '../db/connect.ts'
import { UnavailableError } from '../errors.ts'
import type { ProcessId } from '../ids.ts'
import { beat } from './processes.ts'

/** Milliseconds. */
export type HeartbeatTimers = { readonly processHeartbeat: number; readonly processExpiry: number }

/**
 * The signs of life of this process, and what they say about its sight of others.
 *
 * While nobody can reach the database all processes fall silent together, and in the instant in which it is back all
 * the others look dead to the first one there. So whoever was not heard itself for half an expiry, or has only just
 * begun, takes nothing from a silent process for three heartbeats: one that lives gives up the sign that got lost,
 * sends the next, and has one to spare.
 */
export class Heartbeat {
  readonly #db: Db
  readonly #processId: ProcessId
  readonly #timers: HeartbeatTimers
  #last = Number.NEGATIVE_INFINITY
  #heardSince = Number.POSITIVE_INFINITY

  constructor(db: Db, processId: ProcessId, timers: HeartbeatTimers) {
    this.#db = db
    this.#processId = processId
    this.#timers = timers
  }

  /** Says that this process lives. */
  async beat(): Promise<void> {
    const { processExpiry } = this.#timers
    await beat(this.#db, this.#processId, processExpiry)
    const now = performance.now()
    if (now - this.#last > processExpiry / 2) this.#heardSince = now
    this.#last = now
  }

  /** The same; throws UnavailableError where the answer takes so long that the next one may be faster. */
  async beatInTime(): Promise<void> {
    const tooLate = sleep(this.#timers.processHeartbeat, undefined, { ref: false }).then(() => {
      throw new UnavailableError('The database has not answered a sign of life')
    })
    await Promise.race([this.beat(), tooLate])
  }

  /** Whether a process that is silent can be held for dead from here, now. */
  isSteady(): boolean {
    const { processHeartbeat, processExpiry } = this.#timers
    const now = performance.now()
    return now - this.#last <= processExpiry / 2 && now - this.#heardSince >= 3 * processHeartbeat
  }
}
