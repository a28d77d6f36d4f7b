import type { PoolClient } from 'pg'

/** What the names of the server's own statements begin with. */
export const ownPrefix = 'parley_'

/** Statements that are kept prepared at the most: each takes some kilobytes of Postgres's memory. */
const mostPrepared = 500

/**
 * Gives every statement with parameters a name, so that Postgres parses and plans it once: short ones spend most of
 * their time there. Texts are few, but for lists of parameters; what goes over the most stays unnamed.
 */
export function createPreparer(): (client: PoolClient) => Pick<PoolClient, 'query' | 'release'> {
  const names = new Map<string, string>()
  const clients = new WeakMap<PoolClient, Pick<PoolClient, 'query' | 'release'>>()

  function nameOf(text: string): string | undefined {
    const known = names.get(text)
    if (known !== undefined || names.size === mostPrepared) return known
    const name = `${ownPrefix}${names.size}`
    names.set(text, name)
    return name
  }

  function prepare(client: PoolClient) {
    const query = (text: string, values: unknown[]) => {
      const name = values.length > 0 ? nameOf(text) : undefined
      return client.query(name === undefined ? { text, values } : { name, text, values })
    }
    return {
      query: query as PoolClient['query'],
      release: (error?: Error | boolean) => client.release(error),
    }
  }

  return (client) => {
    const prepared = clients.get(client) ?? prepare(client)
    clients.set(client, prepared)
    return prepared
  }
}
