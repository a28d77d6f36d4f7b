import { AsyncLocalStorage } from 'node:async_hooks'
import pg from 'pg'
import { reasonOf, UnavailableError } from '../errors.ts'
import type { Logger } from '../log.ts'

/** What Kysely needs of a connection. */
export type Connection = Pick<pg.PoolClient, 'query' | 'release'>

const patience = new AsyncLocalStorage<'unbounded'>()

/** Lets the statements of `work` take as long as they need, as those of a migration may. */
export function unbounded<T>(work: () => Promise<T>): Promise<T> {
  return patience.run('unbounded', work)
}

/**
 * Connections that transactions leave to single statements. A transaction keeps its connection while it waits for
 * locks: with all of them, what people ask for would hold up the text that others are shown, and the sign of life of
 * the process.
 */
const spared = 2

/**
 * Hands out the connections of a Postgres that can be away or, worse, silent: whatever it does not answer within
 * `timeout` milliseconds has failed, and the connection with it, which nobody is given again. Says in one line of
 * the log when it is away, and in one when it is back.
 *
 * @throws UnavailableError, from the statement too, where there was no answer; what Postgres says is thrown as it is
 */
export function boundedConnect(
  pool: pg.Pool,
  timeout: number,
  log: Logger,
): (what: 'transaction' | 'statement') => Promise<Connection> {
  const turns = new Turns(pool.options.max - spared, timeout)
  let isAway = false
  const answered = () => {
    if (isAway) log.info('the database answers again')
    isAway = false
  }
  const unavailable = (error: unknown) => {
    if (!isAway) log.warn({ reason: reasonOf(error) }, 'the database does not answer')
    isAway = true
    return new UnavailableError(`The database does not answer: ${reasonOf(error)}`, { cause: error })
  }

  const connect = async () => {
    const client = await pool.connect().catch((error: unknown) => {
      throw unavailable(error)
    })
    let isBroken = false
    const limit = patience.getStore() ? null : timeout
    const query = async (text: string, parameters: unknown[]) => {
      try {
        const result = await within(limit, client, client.query(text, parameters))
        answered()
        return result
      } catch (error) {
        if (!isUnanswered(error)) throw error
        isBroken = true
        throw unavailable(error)
      }
    }
    const release = (destroy?: Error | boolean) => client.release(isBroken || destroy)
    return { query: query as pg.PoolClient['query'], release }
  }

  return async (what) => {
    if (what === 'statement') return connect()
    await turns.take()
    const { query, release } = await connect().catch((error: unknown) => {
      turns.giveBack()
      throw error
    })
    const leave: Connection['release'] = (destroy) => {
      release(destroy)
      turns.giveBack()
    }
    return { query, release: leave }
  }
}

/**
 * Lets so many in at once, and the others in their order. Throws UnavailableError where that takes longer than `timeout`
 * milliseconds.
 */
class Turns {
  #free: number
  readonly #timeout: number
  readonly #waiting = new Set<() => void>()

  constructor(count: number, timeout: number) {
    this.#free = count
    this.#timeout = timeout
  }

  async take(): Promise<void> {
    if (this.#free > 0) {
      this.#free -= 1
      return
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.#waiting.add(resolve)
    const tooLate = setTimeout(() => {
      this.#waiting.delete(resolve)
      reject(new UnavailableError('Too many transactions are under way'))
    }, this.#timeout)
    await promise.finally(() => clearTimeout(tooLate))
  }

  giveBack(): void {
    const [next] = this.#waiting
    if (!next) this.#free += 1
    else {
      this.#waiting.delete(next)
      next()
    }
  }
}

/** Cuts the connection when the answer takes too long, which fails the statement. */
async function within<T>(limit: number | null, client: pg.PoolClient, answer: Promise<T>): Promise<T> {
  if (limit === null) return answer
  const cut = setTimeout(() => void (client as unknown as pg.Client).end().catch(() => {}), limit)
  try {
    return await answer
  } finally {
    clearTimeout(cut)
  }
}

/**
 * Whether an error tells of the connection, rather than of the statement. Postgres itself says so with the SQLSTATE
 * classes 08 (connection), 53 (resources), 57P (shutdown) and with 25006 (read-only, as a replica is); `pg` with
 * plain errors, as Node does, where mistakes of ours are TypeErrors and their like.
 */
function isUnanswered(error: unknown): boolean {
  if (error instanceof pg.DatabaseError) return /^(08|53|57P|25006)/.test(error.code ?? '')
  return error instanceof Error && error.constructor === Error
}

/**
 * What the other side of a connection needs to know: it gives up a statement, and with it its locks, soon after
 * whoever asked has gone, also where the network swallowed the goodbye. `timeout` is in milliseconds.
 */
export function sessionSettings(timeout: number): string {
  const settings = {
    client_connection_check_interval: 5_000,
    idle_in_transaction_session_timeout: Math.max(timeout, 1_000),
    tcp_keepalives_idle: 10,
    tcp_keepalives_interval: 5,
    tcp_keepalives_count: 3,
  }
  const calls = Object.entries(settings).map(([name, value]) => `set_config('${name}', '${value}', false)`)
  return `select ${calls.join(', ')}`
}
