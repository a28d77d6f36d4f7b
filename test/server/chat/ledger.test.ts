import { describe, expect, test } from 'vitest'
import { startApp, type TestApp } from '../../support/app.ts'
import { read, succeed } from '../../support/chat.ts'
import { databases, type Place } from '../../support/databases.ts'
import { eventually } from '../../support/eventually.ts'
import { startVendor, type VendorAnswer } from '../../support/vendor.ts'

const priced = {
  id: 'lab/priced',
  pricing: { prompt: '0.000003', completion: '0.000015', input_cache_read: '0.0000003' },
}
const models = [priced, { id: 'lab/unpriced' }, { id: 'lab/half', pricing: { prompt: '0.000003' } }]
const usageFields = 'usage { inputTokens outputTokens cachedTokens cost estimated }'

type Answering = AsyncDisposable & { app: TestApp; conversationId: string }

/** A server whose one provider lists the models above and answers as it is told. */
async function start(place: Place, answers: VendorAnswer[]): Promise<Answering> {
  const vendor = await startVendor(models, () => answers.shift() ?? { status: 500 })
  const app = await startApp({
    place,
    settings: {
      OPENROUTER_API_KEY: 'sk-or',
      OPENROUTER_BASE_URL: vendor.url,
      PARLEY_INTERVAL_RETRY_BASE: '1ms',
    },
  })
  await eventually(async () => {
    expect(await app.run('{ models { totalCount } }')).toEqual({ models: { totalCount: 4 } })
  })
  const [close, stop] = [app.close, vendor.close]
  const end = async () => {
    await close()
    await stop()
  }
  return { app, conversationId: await app.createConversation(), [Symbol.asyncDispose]: end }
}

/** Asks a model, and reads what that used once it has ended. */
async function use({ app, conversationId }: Answering, modelId: string) {
  const input = { conversationId, text: 'Hello', generate: { modelId } }
  const { generation } = await succeed(app, 'sendMessage', input)
  for await (const _event of app.follow(generation!.id)); // to its end
  const { usage } = (await read(app, 'Generation', generation!.id, usageFields)) as { usage: object }
  return usage
}

const tokens = (prompt: number, completion: number, more: object = {}) => ({
  text: 'Hi',
  usage: { prompt_tokens: prompt, completion_tokens: completion, ...more },
})

describe.each(databases)('what an answer costs, on $name,', ({ create }) => {
  test('is what the provider says, else what the tokens cost by its prices, else unknown', async () => {
    await using place = await create()
    const cached = { prompt_tokens_details: { cached_tokens: 600 } }
    await using server = await start(place, [
      tokens(1_000, 200, { cost: 0.00123 }),
      tokens(1_000, 200, cached),
      tokens(1_000, 200),
      tokens(1_000, 200),
      tokens(1_000, 0),
      { text: 'Nobody counted' },
    ])
    expect(await use(server, 'lab/priced')).toMatchObject({ cost: '0.00123', inputTokens: 1_000 })
    // 400 × 3 + 600 × 0.3 + 200 × 15 dollars for a million.
    expect(await use(server, 'lab/priced')).toMatchObject({ cost: '0.00438', cachedTokens: 600 })
    expect(await use(server, 'lab/unpriced')).toMatchObject({ cost: null, outputTokens: 200 })
    expect(await use(server, 'lab/half')).toMatchObject({ cost: null })
    expect(await use(server, 'lab/half')).toMatchObject({ cost: '0.003', outputTokens: 0 })
    expect(await use(server, 'lab/priced')).toMatchObject({ cost: null, inputTokens: null })
    const conversation = await read(server.app, 'Conversation', server.conversationId, usageFields)
    expect(conversation).toMatchObject({ usage: { inputTokens: 5_000, outputTokens: 800, cost: '0.00861' } })
  })

  test('is kept for each attempt, with the prices of the day, also when the conversation is gone', async () => {
    await using place = await create()
    await using server = await start(place, [{ status: 500 }, tokens(1_000, 200)])
    const { app, conversationId } = server
    const since = new Date(Date.now() - 60_000).toISOString()
    expect(await use(server, 'lab/priced')).toMatchObject({ cost: '0.006', inputTokens: 1_000 })
    await succeed(app, 'deleteConversation', { conversationId })
    const rows = await app.db
      .selectFrom('ledger')
      .select([
        'attempt',
        'outcome',
        'input_tokens',
        'output_tokens',
        'is_estimated',
        'cost',
        'cost_source',
        'prices',
      ])
      .orderBy('id')
      .execute()
    expect(rows).toEqual([
      {
        attempt: 1,
        outcome: 'FAILED',
        input_tokens: null,
        output_tokens: null,
        is_estimated: true,
        cost: null,
        cost_source: null,
        prices: null,
      },
      {
        attempt: 2,
        outcome: 'COMPLETED',
        input_tokens: 1_000,
        output_tokens: 200,
        is_estimated: false,
        cost: '0.006',
        cost_source: 'PRICES',
        prices: { input: '3', output: '15', cacheRead: '0.3', cacheWrite: null },
      },
    ])
    const report = `query ($since: DateTime!, $until: DateTime) { viewer { usage(since: $since, until: $until) {
      total { inputTokens outputTokens cost estimated }
      byModel { model { name } usage { cost } } byDay { day usage { cost } } } } }`
    expect(await app.run(report, { since })).toEqual({
      viewer: {
        usage: {
          total: { inputTokens: 1_000, outputTokens: 200, cost: '0.006', estimated: true },
          byModel: [{ model: { name: 'lab/priced' }, usage: { cost: '0.006' } }],
          byDay: [
            { day: `${new Date().toISOString().slice(0, 10)}T00:00:00.000Z`, usage: { cost: '0.006' } },
          ],
        },
      },
    })
    const nothing = { inputTokens: null, outputTokens: null, cost: null, estimated: false }
    expect(await app.run(report, { since: '2020-01-01T00:00:00Z', until: since })).toEqual({
      viewer: { usage: { total: nothing, byModel: [], byDay: [] } },
    })
  })
})
