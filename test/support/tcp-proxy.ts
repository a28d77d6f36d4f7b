import { type AddressInfo, connect, createServer, type NetConnectOpts, type Socket } from 'node:net'

/** A relay that a test can cut: what is behind it seems away, while it is there all along. */
export type TcpProxy = AsyncDisposable & {
  readonly port: number
  /** `gone`: connections break and new ones are refused at once. `silent`: nothing passes, nothing breaks. */
  set(state: 'open' | 'gone' | 'silent'): void
}

export async function startTcpProxy(target: NetConnectOpts): Promise<TcpProxy> {
  let state: 'open' | 'gone' | 'silent' = 'open'
  const pairs = new Set<readonly [Socket, Socket]>()
  const server = createServer((client) => {
    if (state === 'gone') return void client.destroy()
    const upstream = connect(target)
    const pair = [client, upstream] as const
    pairs.add(pair)
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      from.on('data', (bytes) => {
        if (state === 'open') to.write(bytes)
      })
      from.on('error', () => {})
      from.on('close', () => {
        to.destroy()
        pairs.delete(pair)
      })
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const breakAll = () => {
    for (const [client, upstream] of pairs) {
      client.destroy()
      upstream.destroy()
    }
  }
  return {
    port: (server.address() as AddressInfo).port,
    set(next) {
      state = next
      if (next !== 'silent') breakAll()
    },
    async [Symbol.asyncDispose]() {
      breakAll()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
