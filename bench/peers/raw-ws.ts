import { createServer } from 'node:http'
import { WebSocketServer } from 'ws'
import { listen } from './listen.ts'
import { tokensOf } from './tokens.ts'

/** Anthropic's SDK on one side, `ws` on the other, nothing between: what a relay in Node cannot go below. */
const server = createServer()

new WebSocketServer({ server }).on('connection', (socket) => {
  socket.on('message', async (data) => {
    const { prompt } = JSON.parse(data.toString()) as { prompt: string }
    for await (const text of tokensOf(prompt)) socket.send(JSON.stringify({ text }))
    socket.send(JSON.stringify({ done: true }))
  })
})

listen(server)
