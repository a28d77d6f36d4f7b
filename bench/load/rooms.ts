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

function roomOf(seats: readonly Seat[], ask: (question: Question) => void, close: () => void): Reader {
  return {
    ask: async (question) => {
      const reading = seats.map(({ answer, socket }) => answer.begin(question, socket.broken, () => {}))
      ask(question)
      await Promise.all(reading)
    },
    close: () => {
      close()
      for (const { socket } of seats) socket.close()
    },
    stall: () => {
      for (const { socket } of seats.slice(1)) socket.pause()
    },
    resume: () => {
      for (const { socket } of seats) socket.resume()
    },
  }
}

/** Takes a payload for an answer that others asked for: it has ended when it is whole. */
function takeShared(answer: AnswerReader, bytes: Buffer, start: number, end: number): boolean {
  const found = answer.read(bytes, start, end)
  if (found && answer.whole) answer.end()
  return found
}

const textFinder = new TextFinder('text')
const answerFinder = new TextFinder('watch')

export const openRawWsRoom: OpenRoom = async (url, watcher, watchers) => {
  const seat = async (): Promise<Seat> => {
    const answer = new AnswerReader(textFinder, watcher)
    const socket = await WebSocketClient.open(url, null, (...payload) => void takeShared(answer, ...payload))
    socket.send({ watch: true })
    return { answer, socket }
  }
  const seats = await Promise.all(Array.from({ length: watchers }, seat))
  const asker = await WebSocketClient.open(url, null, () => {})
  const ask = (question: Question) => asker.send({ prompt: JSON.stringify(question), shared: true })
  return roomOf(seats, ask, () => asker.close())
}

const shareQuery = 'mutation ($prompt: String!) { share(prompt: $prompt) }'

export const openGraphQLRoom: OpenRoom = async (url, watcher, watchers) => {
  const asker = await GraphQLClient.open(url, () => false)
  const seat = () =>
    openSeat(url, answerFinder, watcher, async (client, answer) => {
      client.subscribe({ query: 'subscription { watch }', variables: {} }, (message) =>
        answer.fail(new Error(JSON.stringify(message))),
      )
    })
  const seats = await Promise.all(Array.from({ length: watchers }, seat))
  const ask = (question: Question) =>
    void asker.run({ query: shareQuery, variables: { prompt: JSON.stringify(question) } })
  return roomOf(seats, ask, () => asker.socket.close())
}

export const openParleyRoom: OpenRoom = async (url, watcher, watchers) => {
  const asker = await GraphQLClient.open(url, () => false)
  const conversationId = await createConversation(asker)
  const parentId = await send(asker, { conversationId, text: 'Let us begin.' })
  const seat = () =>
    openSeat(url, textFinder, watcher, (client, answer) => watch(client, conversationId, answer))
  const seats = await Promise.all(Array.from({ length: watchers }, seat))
  const ask = (question: Question) =>
    void send(asker, { conversationId, parentId, text: JSON.stringify(question), generate: {} })
  return roomOf(seats, ask, () => asker.socket.close())
}

async function openSeat(
  url: string,
  finder: TextFinder,
  watcher: Watcher,
  begin: (client: GraphQLClient, answer: AnswerReader) => Promise<void>,
): Promise<Seat> {
  const answer = new AnswerReader(finder, watcher)
  const client = await GraphQLClient.open(url, (...payload) => takeShared(answer, ...payload))
  await begin(client, answer)
  return { answer, socket: client.socket }
}
