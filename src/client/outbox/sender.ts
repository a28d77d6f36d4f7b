import type { Client } from '@urql/core'
import type { ConversationSnapshotFragment } from '../graphql/graphql.ts'
import { type RetryWait, retryWait } from '../retry-wait.ts'
import { deliver, endOfAnswer, make, type Payload, remove } from './deliver.ts'
import { exclusively, itemLock } from './exclusively.ts'
import { newKey } from './key.ts'
import type { Outbox } from './outbox.ts'
import {
  cleared,
  delivered,
  failed,
  made,
  movedOn,
  nextAt,
  type OutboxItem,
  type Problem,
} from './outbox-state.ts'
import { isNewPlace, type Place } from './place.ts'

/** The part of the page that shows conversations. */
export type Audience = {
  /** Whether a message is known to be still being written: the server would refuse what follows it. */
  isUnderWay(place: Place, messageId: string): boolean
  /** Whether a message is known to have ended and not to have been cut: nothing goes on from it by itself. */
  isWhole(place: Place, messageId: string): boolean
  /** The conversation that was begun at `place` exists. */
  onMade(place: Place, conversation: ConversationSnapshotFragment): void
  onDelivered(item: OutboxItem, payload: Payload): void
}

/** Milliseconds. */
const longestWait = { away: 15_000, busy: 2_000 }

/** The server knows a key for 24 hours: what is older might be said twice. */
const keyLife = 20 * 3_600_000

const tooOld: Problem = {
  code: null,
  reason: 'It has waited for too long to be sent without asking you',
  final: true,
}

/**
 * Sends what is in the outbox: in each place one after the other and in order, over and over until the server has
 * taken it or has refused it for good. Any tab may send what another one left; none sends what another one is sending.
 */
export class Sender {
  readonly #client: Client
  readonly #outbox: Outbox
  readonly #audience: Audience
  readonly #canSend: () => boolean
  readonly #lines = new Map<Place, RetryWait>()

  constructor(client: Client, outbox: Outbox, audience: Audience, canSend: () => boolean) {
    this.#client = client
    this.#outbox = outbox
    this.#audience = audience
    this.#canSend = canSend
  }

  start(): void {
    this.#outbox.state.subscribe(() => this.look())
    this.look()
  }

  /** Tries now what waits for its next try: the server may be back. */
  nudge(): void {
    for (const line of this.#lines.values()) line.now()
    this.look()
  }

  /** Begins with what can be sent by now. */
  look(): void {
    const { items, leftovers } = this.#outbox.state.get()
    const places = [...items.map(({ place }) => place), ...leftovers]
    for (const place of new Set(places)) {
      const line = this.#lines.get(place)
      if (!line) void this.#work(place)
      // The viewer has asked for it, again or otherwise.
      else if (this.#next(place)?.problem === null) line.now()
    }
  }

  /** Works on one place until nothing is left that could be done there. */
  async #work(place: Place): Promise<void> {
    const line = retryWait()
    this.#lines.set(place, line)
    for (let tries = 0; this.#hasWork(place); ) {
      const problem = await this.#try(place)
      tries = problem ? tries + 1 : 0
      if (problem) await line.wait(tries, problem.code === null ? longestWait.away : longestWait.busy)
    }
    this.#lines.delete(place)
  }

  #hasWork(place: Place): boolean {
    if (!this.#canSend()) return false
    return this.#next(place) !== null || this.#outbox.state.get().leftovers.includes(place)
  }

  #next(place: Place): OutboxItem | null {
    return nextAt(this.#outbox.state.get(), place, (id) => this.#audience.isUnderWay(place, id))
  }

  /** One step; what stood in its way is returned when it may pass. */
  async #try(place: Place): Promise<Problem | null> {
    const name = this.#next(place)?.key ?? place
    const step = await exclusively(itemLock(name), async () => ({ problem: await this.#step(place, name) }))
    return step ? step.problem : elsewhere
  }

  async #step(place: Place, name: string): Promise<Problem | null> {
    // Another tab may have done it, or the viewer there may have changed it.
    await this.#outbox.refresh()
    const item = this.#next(place)
    if (item === null) return this.#clear(place)
    if (item.key !== name) return null
    const problem = await this.#send(item)
    if (problem === null) return null
    if (problem.reason !== item.problem?.reason || problem.final) {
      const fresh = newKey()
      await this.#outbox.change((state) => failed(state, item.key, problem, fresh))
    }
    return problem.final ? null : problem
  }

  async #send(item: OutboxItem): Promise<Problem | null> {
    if (Date.now() - item.askedAt > keyLife) return tooOld
    if (isNewPlace(item.place)) return this.#make(item)
    const { kind, place, parentId } = item
    if (kind !== 'send' || parentId === null || this.#audience.isWhole(place, parentId))
      return this.#deliver(item)
    return this.#deliverBehind(item, parentId)
  }

  /** Under an answer that may have been cut and continued while nobody looked: then it waits for the end of all. */
  async #deliverBehind(item: OutboxItem, answerId: string): Promise<Problem | null> {
    const end = await endOfAnswer(this.#client, item.place, answerId)
    if ('problem' in end) return end.problem
    if (end.done === answerId) return this.#deliver(item)
    await this.#outbox.change((state) => movedOn(state, item.key, end.done))
    return null
  }

  async #make(item: OutboxItem): Promise<Problem | null> {
    const answer = await make(this.#client, item.origin!, item.modelId)
    if ('problem' in answer) return answer.problem
    this.#audience.onMade(item.place, answer.done)
    await this.#outbox.change((state) => made(state, item.place, answer.done.id))
    return null
  }

  async #deliver(item: OutboxItem): Promise<Problem | null> {
    const answer = await deliver(this.#client, item)
    if ('problem' in answer) return answer.problem
    const leaf = answer.done.generation?.message ?? answer.done.userMessage!
    this.#audience.onDelivered(item, answer.done)
    await this.#outbox.change((state) => delivered(state, item.key, leaf.id))
    return null
  }

  /** Deletes the conversation of a first message that never came to be. */
  async #clear(place: Place): Promise<Problem | null> {
    if (!this.#outbox.state.get().leftovers.includes(place)) return null
    const problem = await remove(this.#client, place)
    if (problem !== null && !problem.final) return problem
    await this.#outbox.change((state) => cleared(state, place))
    return null
  }
}

/** Another tab is at it, or the viewer is changing it. */
const elsewhere: Problem = { code: 'ELSEWHERE', reason: '', final: false }
