import { pino } from 'pino'
import { createApp } from '../../src/server/app.ts'
import { parseConfig } from '../../src/server/config.ts'
import { createAnthropic } from '../../src/server/llm/anthropic.ts'
import type { ChatProvider } from '../../src/server/llm/provider.ts'
import { interceptor } from '../../test/support/intercept.ts'
import { openParley } from '../load/parley.ts'
import { median } from '../measure/stats.ts'
import { makePlace, type ParleyName, parleyNames } from '../servers/parley.ts'
import { now } from '../wire.ts'
import { inRounds } from './rounds.ts'
import type { Bench, Scenario } from './scenario.ts'

const question = { tokens: 3, pace: 5 }
const warmUp = 50

const labels = {
  created: ['message sent → run created', 'ms'],
  called: ['created → committed, and provider called', 'ms'],
  read: ['called → first text read; the upstream takes 5 ms of it', 'ms'],
  stored: ['read → committed to the log', 'ms'],
  shown: ['committed → shown', 'ms'],
} as const

type Moment = keyof typeof labels
/** When one answer's run was created, its provider called, and so on, in microseconds. */
type Moments = Record<Moment, number>

/**
 * Where the time to the first token goes, one answer at a time: the server runs from its sources in this process,
 * which sees the places between. Runs only when it is named.
 */
export const way: Scenario = {
  title: 'The way of the first token',
  async run(bench) {
    const subjects = bench.wanted(parleyNames).map((name) => ({ name }))
    return inRounds(bench, subjects, labels, ({ name }) => measure(bench, name))
  },
}

async function measure({ upstreamUrl, quick }: Bench, name: ParleyName) {
  await using stack = new AsyncDisposableStack()
  const { settings } = stack.use(await makePlace(name))
  const config = parseConfig({}, { PORT: '0', ANTHROPIC_API_KEY: 'bench', ...settings })
  const claude = createAnthropic({ apiKey: 'bench', baseUrl: upstreamUrl, timers: config.timers })
  const moments: Moments = { created: 0, called: 0, read: 0, stored: 0, shown: 0 }
  const database = interceptor()
  const app = await createApp(config, {
    log: pino({ level: 'error' }),
    providers: [watched(claude, moments)],
    openDatabase: database.openDatabase,
  })
  stack.defer(app.close)
  const note = (moment: Moment, statement: string) =>
    database.once(statement, () => void (moments[moment] = now()))
  const onFirstToken = () => void (moments.shown = now())
  const reader = await openParley(new URL('/graphql', app.url).href, {
    onFrame: () => {},
    onToken: () => {},
    onFirstToken,
  })
  stack.defer(() => reader.close())
  const legs: Moments[] = []
  for (let round = -warmUp; round < (quick ? 50 : 200); round += 1) {
    const noted = [note('created', 'insert into "generation"'), note('stored', 'insert into chunk')]
    moments.read = 0
    const asked = now()
    await Promise.all([reader.ask(question), ...noted])
    if (round >= 0) legs.push(legsOf(asked, moments))
  }
  const medianOf = (leg: Moment) => median(legs.map((times) => times[leg]))
  return Object.fromEntries((Object.keys(labels) as Moment[]).map((leg) => [leg, medianOf(leg)]))
}

/** Milliseconds from each moment to the next. */
function legsOf(asked: number, { created, called, read, stored, shown }: Moments): Moments {
  return {
    created: (created - asked) / 1_000,
    called: (called - created) / 1_000,
    read: (read - called) / 1_000,
    stored: (stored - read) / 1_000,
    shown: (shown - stored) / 1_000,
  }
}

function watched(provider: ChatProvider, moments: Moments): ChatProvider {
  return {
    name: provider.name,
    displayName: provider.displayName,
    knownModels: provider.knownModels,
    listModels: (signal) => provider.listModels(signal),
    async *stream(request, signal) {
      moments.called = now()
      for await (const event of provider.stream(request, signal)) {
        if (event.type === 'text') moments.read ||= now()
        yield event
      }
    },
  }
}
