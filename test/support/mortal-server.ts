import { setTimeout as delay } from 'node:timers/promises'
import { type Exit, type LaunchOptions, launchParley, type Parley, startParley } from './parley.ts'

/** One server as its clients see it: whatever becomes of its processes, there is always another one. */
export class MortalServer implements AsyncDisposable {
  readonly #options: LaunchOptions
  #parley: Parley

  private constructor(options: LaunchOptions, parley: Parley) {
    this.#options = options
    this.#parley = parley
  }

  static async start(options: LaunchOptions): Promise<MortalServer> {
    return new MortalServer(options, await startParley(options))
  }

  /** Where it was last. */
  get url(): string {
    return this.#parley.url
  }

  get pid(): number {
    return this.#parley.pid
  }

  async kill(): Promise<void> {
    await this.#parley.kill()
  }

  async restart(): Promise<void> {
    this.#parley = await startParley(this.#options)
  }

  /** Kills it so many milliseconds after its start, whether it listens by then or not. */
  async startAndKill(milliseconds: number): Promise<void> {
    const { ready, kill } = launchParley(this.#options)
    const started = ready.catch(() => null)
    await delay(milliseconds)
    await kill()
    await started
  }

  stop(): Promise<Exit> {
    return this.#parley.stop()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#parley.kill()
  }
}
