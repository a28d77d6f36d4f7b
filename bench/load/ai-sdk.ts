import { openEventStream } from './event-stream.ts'
import { AnswerReader, type Reader, type Watcher } from './reader.ts'
import { TextFinder } from './text-finder.ts'

const finder = new TextFinder('delta')

/** A client of the AI SDK's stream of UI messages: each answer comes on a connection that was opened for it before. */
export async function openAiSdk(url: string, watcher: Watcher): Promise<Reader> {
  const answer = new AnswerReader(finder, watcher)
  const ask: Reader['ask'] = async (question) => {
    const client = await openEventStream(
      url,
      (...chunk) => void answer.read(...chunk),
      () => answer.end(),
    )
    await answer.begin(question, client.broken, () => client.post({ prompt: JSON.stringify(question) }))
    client.close()
  }
  return { ask, close: () => {} }
}
