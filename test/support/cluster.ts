import { MortalServer } from './mortal-server.ts'
import type { LaunchOptions } from './parley.ts'
import { pick, type Random } from './random.ts'

/** What a crowd on one machine runs into, and people behind a load balancer do not. */
const lifted = {
  PARLEY_LIMIT_SOCKETS_PER_ADDRESS: '10000',
  PARLEY_LIMIT_OPERATIONS_PER_SECOND: '100000',
}

/** Several processes on one database, ended together. */
export class Cluster implements AsyncDisposable {
  readonly servers: readonly MortalServer[]
  readonly #random: Random

  private constructor(servers: readonly MortalServer[], random: Random) {
    this.servers = servers
    this.#random = random
  }

  static async start(size: number, options: LaunchOptions, random: Random): Promise<Cluster> {
    const settings = { ...lifted, ...options.settings }
    // The first one migrates the database.
    const first = await MortalServer.start({ ...options, settings })
    const others = Array.from({ length: size - 1 }, () => MortalServer.start({ ...options, settings }))
    return new Cluster([first, ...(await Promise.all(others))], random)
  }

  /** That of any of them, drawn anew each time, whether it lives at the moment or not. */
  get url(): string {
    return pick(this.#random, this.servers).url
  }

  /** The HTTP status that each gives at `/ready`. */
  async readiness(): Promise<number[]> {
    return Promise.all(this.servers.map(async ({ url }) => (await fetch(new URL('/ready', url))).status))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.servers.map((server) => server.kill()))
  }
}
