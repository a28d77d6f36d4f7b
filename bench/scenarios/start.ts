import { setTimeout as sleep } from 'node:timers/promises'
import { buildBareWhenStale } from '../bare/build.ts'
import { residentMemory } from '../measure/memory.ts'
import { median } from '../measure/stats.ts'
import { startBare } from '../servers/bare.ts'
import { makePlace, type ParleyName, type Place, parleyNames, startParley } from '../servers/parley.ts'
import type { Program } from '../servers/process.ts'
import { inRounds } from './rounds.ts'
import type { Bench, Scenario } from './scenario.ts'

const labels = {
  start: ['from the start to the first answer of /ready, existing data', 'ms'],
  idleMemory: ['resident memory after idling', 'MB'],
} as const

/** Seconds of nothing before the memory is looked at. */
const idleSeconds = 5
/** Starts for one value: a start is short, and what others do meanwhile is not. */
const startsPerRound = 5

type Subject = { readonly name: string; start(): Promise<Program & { readonly url: string }> }

/** How fast the executable serves, and what it holds when nobody asks for anything. */
export const start: Scenario = {
  title: 'Start and idle',
  async run(bench) {
    await using stack = new AsyncDisposableStack()
    const bare = await buildBareWhenStale()
    const subjects: Subject[] = []
    for (const name of bench.wanted(parleyNames))
      subjects.push(...(await subjectsOn(bench, bare, name, stack)))
    return await inRounds(bench, subjects, labels, (subject) =>
      measure(subject, bench.quick ? 2 : idleSeconds),
    )
  },
}

/** Parley, and what opens the same database and does nothing else. */
async function subjectsOn(
  bench: Bench,
  bare: string,
  name: ParleyName,
  stack: AsyncDisposableStack,
): Promise<Subject[]> {
  const place: Place = stack.use(await makePlace(name))
  const startOn = () => startParley(bench, name, place)
  await (await startOn())[Symbol.asyncDispose]()
  return [
    { name: name.replace('parley', 'bare'), start: () => startBare(bare, place) },
    { name, start: startOn },
  ]
}

async function measure(subject: Subject, seconds: number) {
  const times: number[] = []
  for (;;) {
    const began = performance.now()
    await using program = await subject.start()
    const { status } = await fetch(new URL('/ready', program.url))
    if (status !== 200) throw new Error(`${subject.name} is not ready: ${status}`)
    times.push(performance.now() - began)
    if (times.length < startsPerRound) continue
    await sleep(seconds * 1_000)
    return { start: median(times), idleMemory: residentMemory(program.pid) / 1e6 }
  }
}
