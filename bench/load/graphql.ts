import { AnswerReader, type Reader, type Watcher } from './reader.ts'
import { TextFinder } from './text-finder.ts'
import { WebSocketClient } from './web-socket.ts'

type Message = {
  readonly type: string
  readonly id?: string
  readonly payload?: { readonly data?: unknown; readonly errors?: unknown }
}

type Operation = { readonly query: string; readonly variables: Readonly<Record<string, unknown>> }

/** The least of a client of the graphql-transport-ws protocol. */
export class GraphQLClient {
  readonly #listeners = new Map<string, (message: Message) => void>()
  #socket: WebSocketClient | null = null
  #operations = 0

  /** @param takeText - is given each payload first, and says whether that was all there is to know of it */
  static async open(
    url: string,
    takeText: (bytes: Buffer, start: number, end: number) => boolean,
  ): Promise<GraphQLClient> {
    const client = new GraphQLClient()
    const acknowledged = new Promise<void>((resolve) => client.#listeners.set('ack', () => resolve()))
    client.#socket = await WebSocketClient.open(url, 'graphql-transport-ws', (bytes, start, end) => {
      if (!takeText(bytes, start, end))
        client.#onMessage(JSON.parse(bytes.toString('utf8', start, end)) as Message)
    })
    client.socket.send({ type: 'connection_init' })
    await Promise.race([acknowledged, client.socket.broken])
    return client
  }

  get socket(): WebSocketClient {
    if (!this.#socket) throw new Error('The socket is not open yet')
    return this.#socket
  }

  /** Starts an operation; `onMessage` is told of its messages that held no text. */
  subscribe(operation: Operation, onMessage: (message: Message) => void): void {
    const id = `${++this.#operations}`
    this.#listeners.set(id, onMessage)
    this.socket.send({ type: 'subscribe', id, payload: operation })
  }

  /** A query or mutation: its data. */
  async run<Data>(operation: Operation): Promise<Data> {
    const result = new Promise<Data>((resolve, reject) => {
      this.subscribe(operation, ({ type, payload }) => {
        if (type === 'next' && !payload?.errors) resolve(payload?.data as Data)
        else if (type !== 'complete') reject(new Error(JSON.stringify(payload)))
      })
    })
    return Promise.race([result, this.socket.broken])
  }

  #onMessage(message: Message): void {
    const id = message.type === 'connection_ack' ? 'ack' : message.id
    if (id === undefined) return
    this.#listeners.get(id)?.(message)
    if (message.type === 'complete' || message.type === 'error') this.#listeners.delete(id)
  }
}

const finder = new TextFinder('answer')
const query = 'subscription ($prompt: String!) { answer(prompt: $prompt) }'

/** A client of any server whose subscription `answer` streams the tokens of a new answer. */
export async function openGraphQL(url: string, watcher: Watcher): Promise<Reader> {
  const answer = new AnswerReader(finder, watcher)
  const client = await GraphQLClient.open(url, (bytes, start, end) => answer.read(bytes, start, end))
  const onMessage = ({ type, payload }: Message) => {
    if (type === 'complete') answer.end()
    else answer.fail(new Error(JSON.stringify(payload)))
  }
  return {
    ask: (question) =>
      answer.begin(question, client.socket.broken, () =>
        client.subscribe({ query, variables: { prompt: JSON.stringify(question) } }, onMessage),
      ),
    close: () => client.socket.close(),
  }
}
