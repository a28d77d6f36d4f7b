import { setTimeout as sleep } from 'node:timers/promises'
import { reachableMemory } from '../measure/memory.ts'
import type { Readers } from '../servers/load.ts'
import { makePlace, type ParleyName, parleyNames, startParley } from '../servers/parley.ts'
import { inspected } from '../servers/process.ts'
import type { Target } from '../servers/target.ts'
import { inRounds } from './rounds.ts'
import type { Bench, Scenario } from './scenario.ts'

/** One that reads on, and those who stop: several, because a process does not hold the same at any two moments. */
const watchers = 21
/** Long ones, five megabytes in all: more than the kernel would hold for anybody. */
const question = { tokens: 100_000, pace: 0, digits: 45 }

const labels = {
  stalled: ['memory held for each reader that has stopped', 'MiB'],
  caughtUp: ['until all of them have caught up', 'ms'],
} as const

/** What is held for readers that stop reading while a long answer comes, and whether they get all of it afterwards. */
export const stalled: Scenario = {
  title: `${question.tokens.toLocaleString('en')} tokens past ${watchers - 1} readers that have stopped`,
  async run(bench) {
    const subjects = bench.wanted(parleyNames).map((name) => ({ name }))
    return inRounds(bench, subjects, labels, ({ name }) => measure(bench, name))
  },
}

async function measure(bench: Bench, name: ParleyName) {
  await using place = await makePlace(name)
  // By default they would be cut off before what is held for them can be looked at.
  const settings = { ...inspected, PARLEY_TIMEOUT_STALL: '10m' }
  await using parley = await startParley(bench, name, place, settings)
  await using readers = await bench.load.openRoom(parley, watchers)
  await readers.ask({ question, spread: 0, times: 1 })
  await readers.take()
  await readers.stall()
  const asking = readers.ask({ question, spread: 0, times: 1 })
  await untilOneHasAll(readers)
  const during = await reachableMemory(parley)
  const caughtUp = await catchUp(parley, readers, asking)
  const held = during - (await reachableMemory(parley))
  return { stalled: held / (watchers - 1) / 2 ** 20, caughtUp }
}

/** The first of the watchers reads on. */
async function untilOneHasAll(readers: Readers): Promise<void> {
  for (let tokens = 0; tokens < question.tokens; tokens += (await readers.take()).tokens) await sleep(50)
}

async function catchUp({ name }: Target, readers: Readers, asking: Promise<void>): Promise<number> {
  const began = performance.now()
  await readers.resume()
  await asking
  const time = performance.now() - began
  const { tokens } = await readers.take()
  if (tokens !== question.tokens * (watchers - 1)) throw new Error(`${name}: ${tokens} tokens were caught up`)
  return time
}
