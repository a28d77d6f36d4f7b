import { pino } from 'pino'
import { createApp } from '../src/server/app.ts'
import { parseConfig } from '../src/server/config.ts'
import { createAnthropic } from '../src/server/llm/anthropic.ts'
import type { ChatProvider } from '../src/server/llm/provider.ts'
import { interceptor } from '../test/support/intercept.ts'
import { now, type Question, upstreamTimes } from './answer.ts'
import { askParley, settingsOf, temporaryDirectory } from './parley.ts'
import { median, printTable } from './report.ts'

const question: Question = { tokens: 3, pace: 5 }
const rounds = 200
const warmUp = 50

/** When one answer's run was created, its provider called, and its first text read and stored. */
type Moments = { created: number; called: number; read: number; stored: number }

/**
 * Where the time to the first token goes: the server runs from its sources in this process, which says when it
 * passes the places between.
 */
export async function measureWay(upstreamUrl: string): Promise<void> {
  using directory = temporaryDirectory()
  const config = parseConfig({}, settingsOf(directory.path, upstreamUrl))
  const { anthropic, timers } = config
  const claude = createAnthropic({ apiKey: 'bench', baseUrl: anthropic.baseUrl, timers })
  const moments: Moments = { created: 0, called: 0, read: 0, stored: 0 }
  const database = interceptor()
  const app = await createApp(config, {
    log: pino({ level: 'error' }),
    providers: [watched(claude, moments)],
    openDatabase: database.openDatabase,
  })
  const legs: Record<string, number[]> = {}
  for (let round = -warmUp; round < rounds; round += 1) {
    moments.read = 0
    const note = (moment: keyof Moments, statement: string) =>
      database.once(statement, () => void (moments[moment] = now()))
    const noted = [note('created', 'insert into "generation"'), note('stored', 'insert into chunk')]
    const answer = await askParley(app.url, question)
    await Promise.all(noted)
    if (round < 0) continue
    for (const [leg, time] of Object.entries(legsOf(answer, moments))) (legs[leg] ??= []).push(time)
  }
  await app.close()
  printTable(
    `The way of the first token, ms (median of ${rounds})`,
    ['Parley'],
    Object.entries(legs).map(([what, times]) => ({ what, values: [median(times)] })),
  )
}

function legsOf(answer: Awaited<ReturnType<typeof askParley>>, moments: Moments): Record<string, number> {
  const { arrived, written } = upstreamTimes(answer, question)
  return {
    'message sent → run created': moments.created - answer.asked,
    'created → committed, and provider called with its prompt': moments.called - moments.created,
    'called → request at the upstream': arrived - moments.called,
    'first token written → read': moments.read - written,
    'read → committed to the log': moments.stored - moments.read,
    'committed → shown': answer.shown - moments.stored,
    '(beside these: message sent → answered)': answer.sent - answer.asked,
  }
}

function watched(provider: ChatProvider, moments: Moments): ChatProvider {
  return {
    name: provider.name,
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
