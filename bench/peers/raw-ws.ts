import { createServer } from 'node:http'
import { type WebSocket, WebSocketServer } from 'ws'
import { listen } from './listen.ts'
import { tokensOf } from './tokens.ts'

/** Anthropic's SDK on one side, `ws` on the other, nothing between: what a relay in Node cannot go below. */
const server = createServer()

type Request = { prompt: string; shared?: true } | { watch: true }

const watchers = new Set<WebSocket>()

new WebSocketServer({ server }).on('connection', (socket) => {
  socket.on('message', async (data) => {
    const request = JSON.parse(data.toString()) as Request
    if ('watch' in request) {
      watchers.add(socket)
      return send([socket], { done: true })
    }
    const readers = request.shared ? watchers : [socket]
    for await (const text of tokensOf(request.prompt)) send(readers, { text })
    send(readers, { done: true })
  })
  socket.on('close', () => watchers.delete(socket))
})

/** Written as JSON once, whoever reads it. */
function send(readers: Iterable<WebSocket>, message: object): void {
  const text = JSON.stringify(message)
  for (const reader of readers) reader.send(text)
}

listen(server)
