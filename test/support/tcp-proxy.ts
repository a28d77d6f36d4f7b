import { type AddressInfo, connect, createServer, type NetConnectOpts, type Socket } from 'node:net'

/**
 * `gone`: connections break and new ones are refused at once. `silent`: nothing passes, nothing breaks. `mute`: what
 * is asked arrives, and no answer comes back.
 */
type State = 'open' | 'gone' | 'silent' | 'mute'

/** A relay that a test can cut: what is behind it seems away, while it is there all along. */
export type TcpProxy = AsyncDisposable & {
  readonly port: number
  set(state: State): void
  /** Mute from the next bytes on that ask for something with `text` in it, which still arrive. */
  muteAt(text: string): Promise<void>
}

export async function startTcpProxy(target: NetConnectOpts): Promise<TcpProxy> {
  let state: State = 'open'
  let mutes: { text: string; done: () => void } | null = null
  const pairs = new Set<readonly [Socket, Socket]>()
  const server = createServer((client) => {
    if (state === 'gone') return void client.destroy()
    const upstream = connect(target)
    const pair = [client, upstream] as const
    pairs.add(pair)
    client.on('data', (bytes) => {
      if (mutes && bytes.includes(mutes.text)) {
        state = 'mute'
        mutes.done()
        mutes = null
      }
      if (state === 'open' || state === 'mute') upstream.write(bytes)
    })
    upstream.on('data', (bytes) => {
      if (state === 'open') client.write(bytes)
    })
    for (const [from, to] of [pair, [upstream, client]] as const) {
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
      if (next === 'open' || next === 'gone') breakAll()
    },
    muteAt: (text) =>
      new Promise((done) => {
        mutes = { text, done }
      }),
    async [Symbol.asyncDispose]() {
      breakAll()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
