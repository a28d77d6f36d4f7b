import { once } from 'node:events'
import { get, type IncomingMessage } from 'node:http'
import { fromGlobalId } from '../../src/server/ids.ts'
import { buildBareWhenStale } from '../bare/build.ts'
import { GraphQLClient } from '../load/graphql.ts'
import { createConversation } from '../load/parley.ts'
import { AnswerReader } from '../load/reader.ts'
import { TextFinder } from '../load/text-finder.ts'
import { median } from '../measure/stats.ts'
import { startBare } from '../servers/bare.ts'
import { makePlace, type ParleyName, type Place, parleyNames, startParley } from '../servers/parley.ts'
import type { Question } from '../wire.ts'
import { inRounds } from './rounds.ts'
import type { Bench, Scenario } from './scenario.ts'

const question: Question = { tokens: 100_000, pace: 0 }
/** Reads for one value. */
const reads = 7
/** What a frame may hold. */
const frameBytes = 32_000

const labels = {
  resume: ['the whole answer', 'ms'],
  frames: ['frames for each 32 KB', ''],
} as const

const askDocument = `mutation ($input: SendMessageInput!) {
  sendMessage(input: $input) { generation { id message { id } } userErrors { message } } }`

const eventsDocument = `subscription ($id: ID!) {
  event: generationEvents(generationId: $id, after: null) {
    __typename cursor
    ... on PartDelta { partIndex revision offset text }
    ... on GenerationFinished { generation { status } }
  } }`

type Answer = { readonly generationId: string; readonly messageId: string }
type Subject = { readonly name: string; readonly read: () => Promise<{ resume: number; frames?: number }> }

/** How fast somebody who comes back gets a long answer, against one query for its text. */
export const resume: Scenario = {
  title: `An answer of ${question.tokens.toLocaleString('en')} tokens from its beginning`,
  async run(bench) {
    await using stack = new AsyncDisposableStack()
    const bare = await buildBareWhenStale()
    const subjects: Subject[] = []
    for (const name of bench.wanted(parleyNames)) {
      const place = stack.use(await makePlace(name))
      const answer = await makeAnswer(bench, name, place)
      subjects.push(
        { name: name.replace('parley', 'bare'), read: () => readBare(bare, place, answer) },
        { name, read: () => readParley(bench, name, place, answer) },
      )
    }
    return await inRounds(bench, subjects, labels, ({ read }) => read())
  },
}

async function makeAnswer(bench: Bench, name: ParleyName, place: Place): Promise<Answer> {
  await using parley = await startParley(bench, name, place)
  const client = await GraphQLClient.open(parley.url, () => false)
  const conversationId = await createConversation(client)
  const input = { conversationId, text: JSON.stringify(question), generate: {} }
  const { sendMessage } = await client.run<{
    sendMessage: { generation: { id: string; message: { id: string } } }
  }>({ query: askDocument, variables: { input } })
  client.socket.close()
  const { id, message } = sendMessage.generation
  await readAnswer(parley.url, id)
  return { generationId: id, messageId: fromGlobalId(message.id)!.key }
}

async function readParley(bench: Bench, name: ParleyName, place: Place, { generationId }: Answer) {
  await using parley = await startParley(bench, name, place)
  const seen: { time: number; frames: number; bytes: number }[] = []
  while (seen.length < reads) seen.push(await readAnswer(parley.url, generationId))
  const { frames, bytes } = seen[0]!
  return { resume: median(seen.map(({ time }) => time)), frames: frames / Math.ceil(bytes / frameBytes) }
}

/** Reads a run from its beginning to its end, on a connection that is there already. */
async function readAnswer(url: string, generationId: string) {
  let [frames, bytes] = [0, 0]
  const answer = new AnswerReader(new TextFinder('text'), {
    onFrame: (size) => {
      frames += 1
      bytes += size
    },
    onToken: () => {},
    onFirstToken: () => {},
  })
  const client = await GraphQLClient.open(url, (...payload) => answer.read(...payload))
  const began = performance.now()
  await answer.begin(question, client.socket.broken, () =>
    client.subscribe({ query: eventsDocument, variables: { id: generationId } }, ({ type }) => {
      if (type === 'complete') answer.end()
    }),
  )
  const time = performance.now() - began
  client.socket.close()
  return { time, frames, bytes }
}

async function readBare(executable: string, place: Place, { messageId }: Answer) {
  await using bare = await startBare(executable, place)
  const times: number[] = []
  while (times.length < reads) times.push(await timeOfGet(`${bare.url}/text/${messageId}`))
  return { resume: median(times) }
}

/** Milliseconds until the whole body was there. */
async function timeOfGet(url: string): Promise<number> {
  const began = performance.now()
  const [response] = (await once(get(url), 'response')) as [IncomingMessage]
  let bytes = 0
  for await (const chunk of response) bytes += (chunk as Buffer).length
  if (bytes < question.tokens * 5) throw new Error(`The text has only ${bytes} bytes`)
  return performance.now() - began
}
