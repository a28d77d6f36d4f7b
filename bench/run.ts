import { availableParallelism, cpus, loadavg } from 'node:os'
import { parseArgs } from 'node:util'
import { buildExecutableWhenStale } from '../src/build.ts'
import { measureFirstToken } from './first-token.ts'
import { startParley } from './parley.ts'
import { startSdk } from './sdk.ts'
import { measureStart } from './start.ts'
import { measureThroughput } from './throughput.ts'
import { startUpstream } from './upstream.ts'
import { measureWay } from './way.ts'

// Figures, never limits: only a missing or doubled token makes this fail. Compare what stands in one row.
const { positionals } = parseArgs({ allowPositionals: true })
const wanted = (name: string) => positionals.length === 0 || positionals.includes(name)

const executable = await buildExecutableWhenStale()
console.log(
  `${availableParallelism()} × ${cpus()[0]?.model}, load ${loadavg()[0]?.toFixed(1)}, Node ${process.versions.node}\n`,
)

await using upstream = await startUpstream()
if (wanted('first-token') || wanted('throughput')) {
  await using sdk = startSdk(upstream.url)
  await using parley = await startParley(executable, upstream.url)
  if (wanted('first-token')) await measureFirstToken([sdk, parley])
  if (wanted('throughput')) await measureThroughput([sdk, parley])
}
if (wanted('way')) await measureWay(upstream.url)
if (wanted('start')) await measureStart(executable, upstream.url)
