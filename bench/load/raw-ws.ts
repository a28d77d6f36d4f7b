import { AnswerReader, type Reader, type Watcher } from './reader.ts'
import { TextFinder } from './text-finder.ts'
import { WebSocketClient } from './web-socket.ts'

const finder = new TextFinder('text')

/** A client of the raw relay: a message with the prompt, messages with text, and an empty one. */
export async function openRawWs(url: string, watcher: Watcher): Promise<Reader> {
  const answer = new AnswerReader(finder, watcher)
  const socket = await WebSocketClient.open(url, null, (bytes, start, end) => {
    if (!answer.read(bytes, start, end)) answer.end()
  })
  return {
    ask: (question) =>
      answer.begin(question, socket.broken, () => socket.send({ prompt: JSON.stringify(question) })),
    close: () => socket.close(),
  }
}
