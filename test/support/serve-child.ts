import { subscribe } from 'node:diagnostics_channel'
import type { Socket } from 'node:net'
import { createInterface } from 'node:readline'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { pino } from 'pino'
import { startApp } from './app.ts'

// Runs a server, says where it is, and at every line that it reads says how much memory it holds.
const sockets = new Set<Socket>()
subscribe('net.server.socket', (message) => {
  const { socket } = message as { socket: Socket }
  sockets.add(socket)
  socket.once('close', () => sockets.delete(socket))
})

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

// What goes wrong in it is seen on standard error.
const log = pino({ level: 'error' }, pino.destination(2))
const app = await startApp({ ...JSON.parse(process.argv[2]!), log })
console.log(app.url)
for await (const _ of createInterface(process.stdin)) {
  collect()
  const { rss, heapUsed, external } = process.memoryUsage()
  const unsent = [...sockets].map((socket) => socket.writableLength).filter((length) => length > 0)
  console.log(JSON.stringify({ rss, heap: heapUsed + external, unsent }))
}
await app.close()
