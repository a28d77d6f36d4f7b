import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

export type CuttingProxy = AsyncDisposable & {
  /** The server's URL, through here. */
  readonly url: string
  /** Connections so far. */
  readonly connections: number
}

/** `reset`: in the middle of anything. `end`: between two chunks of a body, as a server does that stops. */
type Cut = 'reset' | 'end'

/** Passes connections on to a server, but cuts the first one once it has carried `bytes` from there. */
export async function startCuttingProxy(target: string, bytes: number, cut: Cut): Promise<CuttingProxy> {
  const { hostname, port, pathname } = new URL(target)
  const sockets = new Set<Socket>()
  let connections = 0
  const server = createServer((client) => {
    const upstream = connect(Number(port), hostname)
    let left = connections++ === 0 ? bytes : Number.POSITIVE_INFINITY
    const end = () => {
      for (const socket of [client, upstream]) socket.destroy()
    }
    upstream.on('data', (data: Buffer) => {
      const place = cut === 'end' ? endOfChunk(data, left) : left
      client.write(data.subarray(0, place))
      left = Math.max(0, left - data.length)
      if (place > data.length) return
      if (cut === 'end') client.end('0\r\n\r\n', end)
      else end()
    })
    client.on('data', (data) => upstream.write(data))
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.on('error', end)
      socket.on('close', end)
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}${pathname}`,
    get connections() {
      return connections
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

/** Where in `data` the first chunk ends that reaches to `from` or beyond; infinite where none does. */
function endOfChunk(data: Buffer, from: number): number {
  const mark = '\n\n\r\n'
  const found = data.indexOf(mark, Math.max(0, Math.min(from, data.length) - mark.length))
  return found < 0 || from > data.length ? Number.POSITIVE_INFINITY : found + mark.length
}
