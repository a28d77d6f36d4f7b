import { availableParallelism, cpus } from 'node:os'
import { parseArgs } from 'node:util'
import { buildExecutableWhenStale } from '../src/build.ts'
import { MachineWatch } from './measure/machine.ts'
import { printFigures } from './report/table.ts'
import { cpu } from './scenarios/cpu.ts'
import type { Bench, Scenario } from './scenarios/scenario.ts'
import { Load } from './servers/load.ts'
import { installPeers } from './servers/peers.ts'
import { startUpstream } from './servers/upstream.ts'

const scenarios: Readonly<Record<string, Scenario>> = { cpu }

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: 'boolean', default: false },
    targets: { type: 'string', default: '' },
    rounds: { type: 'string', default: '' },
  },
})

installPeers()
const executable = await buildExecutableWhenStale()
console.log(`${availableParallelism()} × ${cpus()[0]?.model}, Node ${process.versions.node}\n`)

await using upstream = await startUpstream()
await using load = new Load()
const targets = options.targets.split(',').filter(Boolean)
const bench: Bench = {
  quick: options.quick,
  rounds: Number(options.rounds) || (options.quick ? 1 : 3),
  load,
  upstreamUrl: upstream.url,
  executable,
  wanted: (names) =>
    names.filter((name) => targets.length === 0 || targets.some((target) => name.startsWith(target))),
}

for (const name of positionals.length > 0 ? positionals : Object.keys(scenarios)) {
  const scenario = scenarios[name]
  if (!scenario) throw new Error(`${name}: no such scenario; there are ${Object.keys(scenarios).join(', ')}`)
  const watch = new MachineWatch()
  printFigures(scenario.title, await scenario.run(bench))
  const { others, saturated } = await watch.stop()
  console.log(`others used ${percent(others.mean)}, saturated ${percent(saturated)}`)
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`
}
