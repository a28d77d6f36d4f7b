import { openEventStream } from './event-stream.ts'
import { AnswerReader, type Reader, type Watcher } from './reader.ts'
import { TextFinder } from './text-finder.ts'

const finder = new TextFinder('delta')

/** A client of the AI SDK's stream of UI messages. */
export async function openAiSdk(url: string, watcher: Watcher): Promise<Reader> {
  const answer = new AnswerReader(finder, watcher)
  const client = await openEventStream(
    url,
    (bytes, start, end) => void answer.read(bytes, start, end),
    () => answer.end(),
  )
  return {
    ask: (question) =>
      answer.begin(question, client.broken, () => client.post({ prompt: JSON.stringify(question) })),
    close: () => client.close(),
  }
}
