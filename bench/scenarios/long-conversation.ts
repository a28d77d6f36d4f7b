import { GraphQLClient } from '../load/graphql.ts'
import { createConversation, send } from '../load/parley.ts'
import { median } from '../measure/stats.ts'
import { makePlace, type ParleyName, parleyNames, startParley } from '../servers/parley.ts'
import { inRounds } from './rounds.ts'
import type { Bench, Scenario } from './scenario.ts'

/** Messages in a short conversation that is appended to, and in one from which a whole page is read. */
const short = 10
const page = 50
/** Pairs of operations for one value. */
const operations = 100

const labels = {
  append: ['append to a long conversation, against one of 10 messages', '×'],
  newest: ['newest 50 of a long conversation, against one of 50 messages', '×'],
  appendTime: ['append to a long conversation', 'ms'],
  newestTime: ['newest 50 of a long conversation', 'ms'],
} as const

const threadDocument = `query ($id: ID!) { conversation(id: $id) {
  eventsCursor thread(last: ${page}) { nodes { id role status text } } } }`

/** Conversations of one server, of three lengths. */
type Subject = {
  readonly name: ParleyName
  readonly client: GraphQLClient
  readonly long: string
  readonly paged: string
}

/** Whether it matters how long a conversation has become. */
export const longConversation: Scenario = {
  title: 'Long conversations',
  async run(bench) {
    await using stack = new AsyncDisposableStack()
    const subjects: Subject[] = []
    for (const name of bench.wanted(parleyNames)) subjects.push(await prepare(bench, name, stack))
    return await inRounds(bench, subjects, labels, measure)
  },
}

async function prepare(bench: Bench, name: ParleyName, stack: AsyncDisposableStack): Promise<Subject> {
  const place = stack.use(await makePlace(name))
  const { url } = stack.use(await startParley(bench, name, place))
  const client = await GraphQLClient.open(url, () => false)
  stack.defer(() => client.socket.close())
  const long = await conversationOf(client, bench.quick ? 2_000 : 10_000)
  return { name, client, long, paged: await conversationOf(client, page) }
}

async function conversationOf(client: GraphQLClient, messages: number): Promise<string> {
  const conversationId = await createConversation(client)
  for (let count = 0; count < messages; count += 1) await append(client, conversationId)
  return conversationId
}

function append(client: GraphQLClient, conversationId: string): Promise<unknown> {
  return send(client, { conversationId, text: 'A few words, as people say them to each other.' })
}

async function measure({ client, long, paged }: Subject) {
  const times = { long: [] as number[], short: [] as number[], newest: [] as number[], page: [] as number[] }
  const read = (id: string) => client.run({ query: threadDocument, variables: { id } })
  for (let count = 0; count < operations; count += 1) {
    const fresh = await conversationOf(client, short)
    times.long.push(await timeOf(() => append(client, long)))
    times.short.push(await timeOf(() => append(client, fresh)))
    times.newest.push(await timeOf(() => read(long)))
    times.page.push(await timeOf(() => read(paged)))
  }
  return {
    append: median(times.long) / median(times.short),
    newest: median(times.newest) / median(times.page),
    appendTime: median(times.long),
    newestTime: median(times.newest),
  }
}

async function timeOf(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now()
  await work()
  return performance.now() - began
}
