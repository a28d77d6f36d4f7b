import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { Asking, Seen } from '../load/group.ts'
import type { Call, LoadMethods, Reply } from '../load/main.ts'
import type { Target } from './target.ts'

/** Clients of one target. */
export type Readers = AsyncDisposable & {
  /** Asks and reads; resolves when every answer has ended. */
  ask(asking: Asking): Promise<void>
  /** In a room: all but one of those who watch stop reading, until `resume`. */
  stall(): Promise<void>
  resume(): Promise<void>
  /** What was seen since the last call. Throws when a token was lost or doubled, or an answer was not whole. */
  take(): Promise<Seen>
}

/** The process that holds the clients of all targets. */
export class Load {
  readonly #process: ChildProcess
  readonly #calls = new Map<number, PromiseWithResolvers<unknown>>()
  #count = 0

  constructor() {
    this.#process = fork(join(import.meta.dirname, '../load/main.ts'))
    this.#process.on('message', (reply: Reply) => this.#onReply(reply))
    this.#process.on('exit', () => {
      for (const call of this.#calls.values())
        call.reject(new Error('The process with the clients has ended'))
    })
  }

  get pid(): number {
    return this.#process.pid!
  }

  /** Clients that each ask for answers of their own. */
  async open(target: Target, readers: number): Promise<Readers> {
    const { dialect, url } = target
    return this.#readers(target, await this.#call('open', { dialect, url, readers }))
  }

  /** Clients that watch the answers for which one asks. */
  async openRoom(target: Target, watchers: number): Promise<Readers> {
    const { dialect, url } = target
    return this.#readers(target, await this.#call('openRoom', { dialect, url, watchers }))
  }

  /** Makes conversations of a Parley; answers with their ids. */
  createConversations({ url }: Target, count: number): Promise<string[]> {
    return this.#call('createConversations', { url, count })
  }

  /** Clients that watch one conversation each, in which nothing happens. */
  async openIdle(target: Target, ids: readonly string[]): Promise<Readers> {
    return this.#readers(target, await this.#call('openIdle', { url: target.url, ids }))
  }

  #readers({ name }: Target, group: number): Readers {
    return {
      ask: (asking) => this.#call('ask', { group, ...asking }),
      stall: () => this.#call('stall', { group }),
      resume: () => this.#call('resume', { group }),
      take: async () => {
        const seen = await this.#call('take', { group })
        if (seen.faults.length > 0) throw new LostTokens(name, seen.faults)
        return seen
      },
      [Symbol.asyncDispose]: () => this.#call('close', { group }),
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.disconnect()
    await once(this.#process, 'exit')
  }

  #call<Method extends keyof LoadMethods>(
    method: Method,
    argument: Parameters<LoadMethods[Method]>[0],
  ): ReturnType<LoadMethods[Method]> {
    const id = ++this.#count
    const call = Promise.withResolvers<unknown>()
    this.#calls.set(id, call)
    this.#process.send({ id, method, argument: argument as never } satisfies Call)
    return call.promise as ReturnType<LoadMethods[Method]>
  }

  #onReply({ id, result, error }: Reply): void {
    const call = this.#calls.get(id)!
    this.#calls.delete(id)
    if (error === undefined) call.resolve(result)
    else call.reject(new Error(error))
  }
}

/** A run in which this happens has failed, however fast it was. */
export class LostTokens extends Error {
  override name = 'LostTokens'

  constructor(target: string, faults: readonly string[]) {
    super(`${target}: ${faults.length} answers were not whole: ${faults.slice(0, 3).join('; ')}`)
  }
}
