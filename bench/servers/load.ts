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
  }

  get pid(): number {
    return this.#process.pid!
  }

  async open({ dialect, url, name }: Target, readers: number): Promise<Readers> {
    const group = await this.#call('open', { dialect, url, readers })
    return {
      ask: (asking) => this.#call('ask', { group, ...asking }),
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
