import type { Question } from '../wire.ts'
import { GraphQLClient } from './graphql.ts'
import { createConversation, send, watch } from './parley.ts'
import { AnswerReader, type Reader, type Watcher } from './reader.ts'
import { TextFinder } from './text-finder.ts'
import { WebSocketClient } from './web-socket.ts'

/** Opens one connection more than there are `watchers`: that which asks. What it asks for, all of them read. */
export type OpenRoom = (url: string, watcher: Watcher, watchers: number) => Promise<Reader>

/** One of those who watch. */
type Seat = { readonly answer: AnswerReader; readonly socket: WebSocketClient }

/** The one who asks; `ask` rejects when that failed. */
type Asker = { readonly socket: WebSocketClient; ask(prompt: string): Promise<unknown> }

async function fillRoom(watchers: number, openSeat: () => Promise<Seat>, asker: Asker): Promise<Reader> {
  const seats = await Promise.all(Array.from({ length: watchers }, openSeat))
  return {
    ask: async (question: Question) => {
      const reading = seats.map(({ answer, socket }) => answer.begin(question, socket.broken, () => {}))
      await Promise.all([...reading, asker.ask(JSON.stringify(question))])
    },
    close: () => {
      for (const { socket } of [asker, ...seats]) socket.close()
    },
    stall: () => {
      for (const { socket } of seats.slice(1)) socket.pause()
    },
    resume: () => {
      for (const { socket } of seats) socket.resume()
    },
  }
}

const textFinder = new TextFinder('text')
const watchFinder = new TextFinder('watch')

export const openRawWsRoom: OpenRoom = async (url, watcher, watchers) => {
  const openSeat = async () => {
    const answer = new AnswerReader(textFinder, watcher)
    const watching = Promise.withResolvers<void>()
    // An empty message says that it watches, and each further one that an answer has ended.
    const socket = await WebSocketClient.open(url, null, (...payload) => {
      if (answer.read(...payload)) return
      watching.resolve()
      answer.end()
    })
    socket.send({ watch: true })
    await watching.promise
    return { answer, socket }
  }
  const socket = await WebSocketClient.open(url, null, () => {})
  const ask = async (prompt: string) => socket.send({ prompt, shared: true })
  return fillRoom(watchers, openSeat, { socket, ask })
}

/** A topic to which all subscribe does not end, so an answer has when it is whole. */
export const openGraphQLRoom: OpenRoom = async (url, watcher, watchers) => {
  const openSeat = async () => {
    const answer = new AnswerReader(watchFinder, watcher)
    const client = await GraphQLClient.open(url, (...payload) => {
      const found = answer.read(...payload)
      if (found && answer.whole) answer.end()
      return found
    })
    client.subscribe({ query: 'subscription { watch }', variables: {} }, (message) =>
      answer.fail(new Error(JSON.stringify(message))),
    )
    // Answered after the subscription was taken in.
    await client.run({ query: '{ hello }', variables: {} })
    return { answer, socket: client.socket }
  }
  const client = await GraphQLClient.open(url, () => false)
  const query = 'mutation ($prompt: String!) { share(prompt: $prompt) }'
  const ask = (prompt: string) => client.run({ query, variables: { prompt } })
  return fillRoom(watchers, openSeat, { socket: client.socket, ask })
}

export const openParleyRoom: OpenRoom = async (url, watcher, watchers) => {
  const asker = await GraphQLClient.open(url, () => false)
  const conversationId = await createConversation(asker)
  const parentId = await send(asker, { conversationId, text: 'Let us begin.' })
  const openSeat = async () => {
    const answer = new AnswerReader(textFinder, watcher)
    const client = await GraphQLClient.open(url, (...payload) => answer.read(...payload))
    await watch(client, conversationId, answer)
    return { answer, socket: client.socket }
  }
  const ask = (text: string) => send(asker, { conversationId, parentId, text, generate: {} })
  return fillRoom(watchers, openSeat, { socket: asker.socket, ask })
}
