import { settledMemory } from '../measure/memory.ts'
import { makePlace, type ParleyName, type Place, parleyNames, startParley } from '../servers/parley.ts'
import { inspected } from '../servers/process.ts'
import { inRounds } from './rounds.ts'
import type { Bench, Scenario } from './scenario.ts'

const labels = { memory: ['resident memory per idle subscriber', 'KiB'] } as const

type Subject = { readonly name: ParleyName; readonly place: Place; readonly conversations: readonly string[] }

/** What a server keeps for somebody who watches a conversation in which nothing happens. */
export const memory: Scenario = {
  title: 'Idle subscribers',
  async run(bench) {
    await using stack = new AsyncDisposableStack()
    const subjects: Subject[] = []
    for (const name of bench.wanted(parleyNames)) subjects.push(await prepare(bench, name, stack))
    return await inRounds(bench, subjects, labels, async (subject) => ({
      memory: await measure(bench, subject),
    }))
  },
}

/** The conversations are there before a round begins, so that making them is not measured. */
async function prepare(bench: Bench, name: ParleyName, stack: AsyncDisposableStack): Promise<Subject> {
  const place = stack.use(await makePlace(name))
  await using parley = await startParley(bench, name, place)
  const conversations = await bench.load.createConversations(parley, bench.quick ? 1_000 : 3_000)
  return { name, place, conversations }
}

async function measure(bench: Bench, { name, place, conversations }: Subject): Promise<number> {
  await using parley = await startParley(bench, name, place, inspected)
  // What the first ones bring with them, as compiled code, is not theirs.
  await (await bench.load.openIdle(parley, conversations.slice(0, 100)))[Symbol.asyncDispose]()
  const before = await settledMemory(parley)
  await using _readers = await bench.load.openIdle(parley, conversations)
  return ((await settledMemory(parley)) - before) / conversations.length / 1_024
}
