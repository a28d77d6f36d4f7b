import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { listedModels, modelPage } from '../../test/support/anthropic-frames.ts'
import { response } from '../../test/support/byte-server.ts'
import type { Question } from '../wire.ts'
import { Answer } from './answer.ts'
import { Wheel } from './wheel.ts'

/** A process that speaks Anthropic's wire and answers each request with the tokens that its prompt asks for. */
const wheel = new Wheel()
const hasty = new Set<Answer>()

const server = createServer({ requestTimeout: 0, headersTimeout: 0, keepAliveTimeout: 0 })
server.on('request', (request: IncomingMessage) => void answer(request))
server.listen(0, '127.0.0.1')
await once(server, 'listening')
console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)

async function answer(request: IncomingMessage): Promise<void> {
  const { socket } = request
  if (request.method !== 'POST') {
    socket.write(response(200, 'application/json', modelPage(listedModels)))
    return
  }
  const question = questionIn(await text(request))
  const answer = new Answer(socket, question)
  if (question.pace === 0) return hurry(answer)
  const stop = wheel.add(
    {
      advance: () => {
        answer.advance()
        if (answer.ended) stop()
      },
    },
    question.pace,
  )
}

type Message = { readonly role: string; readonly content: string | readonly { readonly text?: string }[] }

/** What the person's last message asks for; servers may put what was said before in front of it. */
function questionIn(body: string): Question {
  const { messages } = JSON.parse(body) as { messages: readonly Message[] }
  const content = messages.findLast(({ role }) => role === 'user')!.content
  const prompt = typeof content === 'string' ? content : (content.at(-1)?.text ?? '')
  return JSON.parse(prompt.slice(prompt.lastIndexOf('{'))) as Question
}

/** Lets all answers without a pace write in turn, each as much as its reader takes. */
function hurry(answer: Answer): void {
  hasty.add(answer)
  if (hasty.size === 1) setImmediate(hurryAll)
}

function hurryAll(): void {
  for (const answer of hasty) {
    answer.advance()
    if (answer.ended) hasty.delete(answer)
  }
  if (hasty.size > 0) setImmediate(hurryAll)
}
