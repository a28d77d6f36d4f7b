import pg from 'pg'
import type { Connect, Hints, Line } from './bus.ts'
import type { Topic } from './wake-ups.ts'

/** A database has channels of its own, so that one name serves every installation. */
const channel = 'parley'
/** Topics in one notification, which takes less than 8,000 bytes. */
const topicsAtOnce = 150
/** Milliseconds that Postgres may take to answer; it has nothing to do but that. */
const timeout = 5_000

/**
 * Lines over LISTEN and NOTIFY, on a connection of their own because a pool's changes hands. Every process hears
 * every hint, and drops those that nobody here listens to.
 */
export function connectNotify(databaseUrl: string): Connect {
  return async (hear) => {
    const client = new pg.Client({
      connectionString: databaseUrl,
      application_name: 'parley',
      keepAlive: true,
      connectionTimeoutMillis: timeout,
      query_timeout: timeout,
    })
    const line = new NotifyLine(client)
    try {
      await client.connect()
      await line.listen(hear)
      return line
    } catch (error) {
      line.close()
      throw error
    }
  }
}

class NotifyLine implements Line {
  readonly #client: pg.Client
  readonly #end = Promise.withResolvers<Error>()

  constructor(client: pg.Client) {
    this.#client = client
    client.on('error', this.#end.resolve)
    client.on('end', () => this.#end.resolve(new Error('Connection terminated')))
  }

  get ended(): Promise<Error> {
    return this.#end.promise
  }

  async listen(hear: Parameters<Connect>[0]): Promise<void> {
    const { rows } = await this.#client.query<{ pid: number }>('select pg_backend_pid() as pid')
    this.#client.on('notification', ({ processId, payload = '' }) => {
      if (processId !== rows[0]?.pid) hear(payload.split(',') as Topic[], [])
    })
    await this.#client.query(`listen ${channel}`)
  }

  /**
   * A statement of its own, because notifications serialise the commits that they are part of. Without tails: text
   * would not fit into them.
   */
  async send(hints: Hints): Promise<void> {
    const topics = [...hints.keys()]
    const payloads = []
    for (let from = 0; from < topics.length; from += topicsAtOnce)
      payloads.push(topics.slice(from, from + topicsAtOnce).join(','))
    await this.#ask('select pg_notify($1, payload) from unnest($2::text[]) as payload', [channel, payloads])
  }

  watch(): null {
    return null
  }

  unwatch(): void {}

  check(): Promise<void> {
    return this.#ask('select 1', [])
  }

  /** Cuts off a statement under way. */
  close(): void {
    this.#end.resolve(new Error('Connection closed'))
    void this.#client.end().catch(() => {})
  }

  async #ask(statement: string, parameters: unknown[]): Promise<void> {
    try {
      await this.#client.query(statement, parameters)
    } catch (error) {
      this.#end.resolve(error as Error)
      this.close()
      throw error
    }
  }
}
