import { setTimeout as sleep } from 'node:timers/promises'
import { redis, startRedis } from '../../test/support/redis.ts'
import { type Counts, openGrowthMeter, type RowBytes } from '../measure/growth.ts'
import { meter, type Used } from '../measure/meter.ts'
import { makePlace, startParley } from '../servers/parley.ts'
import type { Target } from '../servers/target.ts'
import { inRounds } from './rounds.ts'
import type { Bench, Scenario } from './scenario.ts'

const pace = 20
/** Milliseconds over which the starts are spread, and that the window keeps away from starts and ends. */
const spread = 1_000
const margin = 2_000

type Subject = {
  readonly name: string
  readonly streams: number
  /** What wakes the readers, where they are at another process than the one that writes. */
  readonly across: 'NOTIFY' | 'Redis' | null
}

const labels = {
  tokens: ['tokens', '/s'],
  transactions: ['transactions, also those that only read', '/s'],
  syncs: ['syncs of the log to disk', '/s'],
  chunks: ['rows of text', '/s'],
  logBytes: ['log of Postgres', 'KB/s'],
  logPerToken: ['log of Postgres per token', 'bytes'],
  writer: ['processor of the process that writes', '%'],
  reader: ['processor of the process that is read from', '%'],
  database: ['processor of Postgres', '%'],
  published: ['messages to Redis', '/s'],
  latency: ['from the upstream to the reader, p50', 'ms'],
  latencyTail: ['from the upstream to the reader, p99', 'ms'],
  message: ['a message on disk, without its text', 'bytes'],
  generation: ['a run on disk', 'bytes'],
  event: ['an event on disk', 'bytes'],
  events: ['events of an answer', ''],
} as const

/** What Postgres, Redis and the processes do for so many streams: the arithmetic of docs/scaling.md. */
export const growth: Scenario = {
  title: 'Growth, answers at 50 tokens/s',
  run: (bench) => inRounds(bench, subjectsOf(bench), labels, (subject) => measure(bench, subject)),
}

function subjectsOf({ quick }: Bench): Subject[] {
  const most = quick ? 100 : 200
  const across = (['NOTIFY', 'Redis'] as const).filter((bus) => bus === 'NOTIFY' || redis.canBeStarted)
  return [
    ...[most / 4, most / 2, most].map((streams) => ({ name: `${streams}`, streams, across: null })),
    ...across.map((bus) => ({ name: `${most}, read elsewhere by ${bus}`, streams: most, across: bus })),
  ]
}

async function measure(bench: Bench, { streams, across }: Subject) {
  await using stack = new AsyncDisposableStack()
  const place = stack.use(await makePlace('parley-postgres'))
  const bus = across === 'Redis' ? stack.use(await startRedis()) : null
  const settings = bus ? { REDIS_URL: bus.url } : {}
  const start = (more = {}) => startParley(bench, 'parley-postgres', place, { ...settings, ...more })
  const writer = stack.use(await start())
  // It leaves to the other one what people ask it for, all but one.
  const reader = across ? stack.use(await start({ PARLEY_LIMIT_RUNS: '1' })) : writer
  const readers = stack.use(await bench.load.open(reader, streams))
  const database = stack.use(await openGrowthMeter(place.settings['DATABASE_URL']!))
  const seconds = bench.quick ? 10 : 30

  await readers.ask({ question: { tokens: 100, pace }, spread, times: 1 })
  const asking = readers.ask({ question: { tokens: seconds * (1_000 / pace), pace }, spread, times: 1 })
  await sleep(spread + margin)
  await readers.take()
  const used = metersOf(writer, reader)
  const before = { ...(await database.counts()), published: (await bus?.published()) ?? 0 }
  await sleep(seconds * 1_000 - spread - 2 * margin)
  const after = { ...(await database.counts()), published: (await bus?.published()) ?? 0 }
  const processors = used()
  const seen = await readers.take()
  await asking
  // The size of a row takes more of them than there are streams.
  await readers.ask({ question: { tokens: 1, pace: 1 }, spread, times: Math.ceil(1_000 / streams) })
  await readers.take()
  const perSecond = rates(before, after)
  const tokens = seen.tokens / secondsBetween(before, after)
  return {
    tokens,
    ...perSecond,
    logBytes: perSecond.logBytes / 1_000,
    logPerToken: perSecond.logBytes / tokens,
    ...processors,
    latency: seen.latency.p50 ?? Number.NaN,
    latencyTail: seen.latency.p99 ?? Number.NaN,
    ...namedRows(await database.rowBytes()),
  }
}

/** Percent of one processor, from here to the call. */
function metersOf(
  writer: Target,
  reader: Target,
): () => { writer: number; reader: number; database: number } {
  const began = performance.now()
  const [ofWriter, ofReader] = [meter(writer), meter(reader)]
  const percent = (microseconds: number) => microseconds / (performance.now() - began) / 10
  return () => {
    const { own, database }: Used = ofWriter()
    return {
      writer: percent(own),
      reader: reader === writer ? 0 : percent(ofReader().own),
      database: percent(database),
    }
  }
}

type Moment = Counts & { readonly published: number }

function rates(before: Moment, after: Moment) {
  const seconds = secondsBetween(before, after)
  const rate = (name: Exclude<keyof Moment, 'at'>) => (after[name] - before[name]) / seconds
  return {
    transactions: rate('transactions'),
    syncs: rate('syncs'),
    chunks: rate('chunks'),
    logBytes: rate('logBytes'),
    published: rate('published'),
  }
}

function secondsBetween(before: Moment, after: Moment): number {
  return (after.at - before.at) / 1_000
}

function namedRows({ conversation_event: event, ...rows }: RowBytes) {
  return { event, ...rows }
}
