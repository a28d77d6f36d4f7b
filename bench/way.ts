import type { KyselyPlugin, QueryId } from 'kysely'
import { pino } from 'pino'
import { createApp } from '../src/server/app.ts'
import { parseConfig } from '../src/server/config.ts'
import { openDatabase } from '../src/server/db/connect.ts'
import { createAnthropic } from '../src/server/llm/anthropic.ts'
import type { ChatProvider } from '../src/server/llm/provider.ts'
import { now, type Question, upstreamTimes } from './answer.ts'
import { askParley, settingsOf, temporaryDirectory } from './parley.ts'
import { median, printTable } from './report.ts'

const question: Question = { tokens: 3, pace: 5 }
const rounds = 200
const warmUp = 50

/** Of one answer, inside the server: when its provider was called, had its first text, and when that was stored. */
type Moments = { called: number; said: number; stored: number; statements: number }

/**
 * Where the time to the first token goes: the server runs from its sources in this process, and says when it passes
 * the places between.
 */
export async function measureWay(upstreamUrl: string): Promise<void> {
  using directory = temporaryDirectory()
  const moments: Moments = { called: 0, said: 0, stored: 0, statements: 0 }
  const config = parseConfig({}, settingsOf(directory.path, upstreamUrl))
  const { baseUrl } = config.anthropic
  const app = await createApp(config, {
    log: pino({ level: 'error' }),
    providers: [watched(createAnthropic({ apiKey: 'bench', baseUrl, timers: config.timers }), moments)],
    openDatabase: async (options) => {
      const database = await openDatabase(options)
      return { ...database, db: database.db.withPlugin(watchStatements(moments)) }
    },
  })
  const legs: Record<string, number[]> = {}
  const statements: number[] = []
  for (let round = -warmUp; round < rounds; round += 1) {
    Object.assign(moments, { called: 0, said: 0, stored: 0, statements: 0 })
    const answer = await askParley(app.url, question)
    const { arrived, written } = upstreamTimes(answer, question)
    if (round < 0) continue
    const { called, said, stored } = moments
    const passed = {
      'mutation asked → answered': answer.sent - answer.asked,
      'answered → provider called (claim, prompt)': called - answer.sent,
      'provider called → request at the upstream': arrived - called,
      'first token written → read by the provider': said - written,
      'read → committed': stored - said,
      'committed → shown': answer.shown - stored,
    }
    statements.push(moments.statements)
    for (const [leg, time] of Object.entries(passed)) (legs[leg] ??= []).push(time)
  }
  await app.close()
  printTable(
    `The way of the first token, ms (median of ${rounds})`,
    ['Parley'],
    [
      ...Object.entries(legs).map(([what, times]) => ({ what, values: [median(times)] })),
      { what: '(statements before the provider is called)', values: [median(statements)] },
    ],
  )
}

function watched(provider: ChatProvider, moments: Moments): ChatProvider {
  return {
    name: provider.name,
    knownModels: provider.knownModels,
    listModels: (signal) => provider.listModels(signal),
    async *stream(request, signal) {
      moments.called = now()
      for await (const event of provider.stream(request, signal)) {
        if (event.type === 'text') moments.said ||= now()
        yield event
      }
    },
  }
}

function watchStatements(moments: Moments): KyselyPlugin {
  const appends = new WeakSet<QueryId>()
  return {
    transformQuery({ node, queryId }) {
      const sql = node.kind === 'RawNode' ? node.sqlFragments.join('?') : ''
      if (sql.includes('insert into chunk')) appends.add(queryId)
      return node
    },
    async transformResult({ result, queryId }) {
      if (moments.called === 0) moments.statements += 1
      if (appends.has(queryId)) moments.stored ||= now()
      return result
    },
  }
}
