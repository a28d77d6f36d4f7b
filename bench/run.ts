import { availableParallelism, cpus } from 'node:os'
import { buildExecutableWhenStale } from '../src/build.ts'
import { MachineWatch } from './measure/machine.ts'
import { type Options, parseOptions } from './options.ts'
import { judge } from './report/goals.ts'
import { percent, publish } from './report/publish.ts'
import { keepResults, type Result } from './report/results.ts'
import { asText, figuresTable, goalsTable } from './report/table.ts'
import { capacity } from './scenarios/capacity.ts'
import { cpu } from './scenarios/cpu.ts'
import { firstToken } from './scenarios/first-token.ts'
import { growth } from './scenarios/growth.ts'
import { longConversation } from './scenarios/long-conversation.ts'
import { memory } from './scenarios/memory.ts'
import { oneQuestion } from './scenarios/question.ts'
import { resume } from './scenarios/resume.ts'
import type { Bench, Scenario } from './scenarios/scenario.ts'
import { stalled } from './scenarios/stalled.ts'
import { start } from './scenarios/start.ts'
import { throughput } from './scenarios/throughput.ts'
import { watched } from './scenarios/watchers.ts'
import { way } from './scenarios/way.ts'
import { Load } from './servers/load.ts'
import { installPeers } from './servers/peers.ts'
import { startUpstream } from './servers/upstream.ts'

/** In the order of the goals. */
const scenarios: Readonly<Record<string, Scenario>> = {
  cpu,
  throughput,
  capacity,
  'first-token': firstToken,
  watchers: watched,
  memory,
  stalled,
  'long-conversation': longConversation,
  resume,
  start,
}

/** Only for whoever names them. */
const others: Readonly<Record<string, Scenario>> = { question: oneQuestion, way, growth }

const machine = `${availableParallelism()} × ${cpus()[0]?.model}, Node ${process.versions.node}`

/** Measures what the options name. Figures never fail it, unless they are asked to; a lost token does. */
async function main(): Promise<void> {
  const options = parseOptions()
  const chosen = options.scenarios.length > 0 ? options.scenarios : Object.keys(scenarios)
  const known = { ...scenarios, ...others }
  const unknown = chosen.find((name) => !known[name])
  if (unknown) throw new Error(`${unknown}: no such scenario, there are ${Object.keys(known).join(', ')}`)
  await using stack = new AsyncDisposableStack()
  const bench = await prepare(options, stack)
  console.log(`${machine}\n`)
  for (const name of chosen) {
    const result = await runScenario(known[name]!, bench)
    const verdicts = judge(result.figures)
    print(result, verdicts)
    if (options.strict && verdicts.some(({ reached }) => !reached)) process.exitCode = 1
    // What leaves something out, or measures with a profiler, is for whoever is at work on it.
    const isWhole = !options.quick && !options.profile && options.targets.length === 0
    if (isWhole && name in scenarios) publish(keepResults({ [name]: result }))
  }
}

async function prepare(options: Options, stack: AsyncDisposableStack): Promise<Bench> {
  installPeers()
  const executable = await buildExecutableWhenStale()
  const upstream = stack.use(await startUpstream())
  const load = stack.use(new Load())
  const { quick, profile, rounds, targets } = options
  const isWanted = (name: string) => targets.length === 0 || targets.some((target) => name.startsWith(target))
  return {
    quick,
    profile,
    rounds,
    load,
    upstreamUrl: upstream.url,
    helpers: { 'the upstream': upstream.pid, 'the clients': load.pid },
    executable,
    wanted: (names) => names.filter(isWanted),
  }
}

async function runScenario({ title, run }: Scenario, bench: Bench): Promise<Result> {
  const watch = new MachineWatch(bench.helpers)
  const figures = await run(bench)
  const date = new Date().toISOString().slice(0, 10)
  return { title, date, machine, rounds: bench.rounds, use: await watch.stop(), figures }
}

function print({ title, figures, use }: Result, verdicts: ReturnType<typeof judge>): void {
  console.log(`${asText(figuresTable(title, figures))}\n`)
  if (verdicts.length > 0) console.log(`${asText(goalsTable(verdicts))}\n`)
  const { others, saturated, helpers } = use
  console.log(`Others used ${percent(others.mean)} of the machine, ${percent(others.p90)} at worst.`)
  const shares = Object.entries(helpers).map(([name, share]) => `${name} ${percent(share)}`)
  console.log(`Of one processor, ${shares.join(' and ')} on average.`)
  if (saturated > 0.1) {
    console.log(
      `Nothing was left in ${percent(saturated)} of the seconds: do not trust clocks, and compare costs only at equal latencies.`,
    )
  }
  console.log()
}

await main()
