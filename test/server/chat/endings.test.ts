import { describe, expect, test } from 'vitest'
import { startApp } from '../../support/app.ts'
import { ending, read, say } from '../../support/chat.ts'
import { databases } from '../../support/databases.ts'
import { Reading } from '../../support/reading.ts'
import { type ScriptedRun, startScriptedUpstream } from '../../support/scripted-provider.ts'
import { shareServer } from '../../support/shared-server.ts'

const fields = `status finishReason attempt timeToFirstTokenMs failure { code retryable retryAt message }
  usage { inputTokens outputTokens cachedTokens reasoningTokens cost estimated } message { status text hash }`

type Ended = {
  readonly failure: { readonly retryAt: string | null } | null
  readonly timeToFirstTokenMs: number | null
}

/** No waits between attempts. */
const settings = { PARLEY_INTERVAL_RETRY_BASE: '1ms' }

describe.each(databases)('how a run ends on $name', ({ create }) => {
  const server = shareServer(create, { settings })

  test('is not known while it is under way: until then it can be read as far as it has come', async () => {
    const { generationId, answerId, conversationId, run } = await ask('How far are you?')
    await run.reasoning('Hm')
    await run.text('This')
    await run.text(' far')
    const reading = new Reading(server.app.follow(generationId))
    await reading.until(() => reading.held(answerId).texts[1] === 'This far')
    const underWay = `${fields} queuedAt startedAt finishedAt message { parts {
      __typename index ... on TextPart { text } ... on ReasoningPart { text } } usage { outputTokens } }`
    expect(await read(server.app, 'Generation', generationId, underWay)).toEqual({
      status: 'RUNNING',
      finishReason: null,
      attempt: 1,
      timeToFirstTokenMs: expect.any(Number),
      failure: null,
      usage: null,
      queuedAt: expect.any(String),
      startedAt: expect.any(String),
      finishedAt: null,
      message: {
        status: 'STREAMING',
        text: 'This far',
        hash: null,
        usage: null,
        parts: [
          { __typename: 'ReasoningPart', index: 0, text: 'Hm' },
          { __typename: 'TextPart', index: 1, text: 'This far' },
        ],
      },
    })
    const active = () => read(server.app, 'Conversation', conversationId, 'activeGenerations { id }')
    expect(await active()).toEqual({ activeGenerations: [{ id: generationId }] })
    await run.finish()
    await reading.ended
    expect(await active()).toEqual({ activeGenerations: [] })
  })

  describe('COMPLETED', () => {
    test.each([
      ['end_turn', 'STOP'],
      ['stop_sequence', 'STOP'],
      ['max_tokens', 'LENGTH'],
      ['refusal', 'REFUSAL'],
      ['model_context_window_exceeded', 'CONTEXT_OVERFLOW'],
      ['pause_turn', 'PAUSE'],
      ['something_new', 'UNKNOWN'],
    ])('with the provider’s reason %s as %s', async (reason, finishReason) => {
      const { generationId, run } = await ask(`Why ${reason}?`)
      await run.text('So it is')
      await run.finish(reason, { output_tokens: 7, cache_read_input_tokens: 2 })
      expect(await ended(generationId)).toEqual({
        status: 'COMPLETED',
        finishReason,
        attempt: 1,
        timeToFirstTokenMs: expect.any(Number),
        failure: null,
        usage: {
          inputTokens: 14,
          outputTokens: 7,
          cachedTokens: 2,
          reasoningTokens: null,
          cost: null,
          estimated: false,
        },
        message: { status: 'COMPLETED', text: 'So it is', hash: expect.stringMatching(/^sha256:/) },
      })
    })

    test('also without a text', async () => {
      const { generationId, run } = await ask('Say nothing')
      await run.finish()
      expect(await ended(generationId)).toMatchObject({
        status: 'COMPLETED',
        timeToFirstTokenMs: null,
        message: { status: 'COMPLETED', text: '' },
      })
    })
  })

  describe('FAILED, when nothing came of it', () => {
    test.each([
      ['401', { status: 401, type: 'authentication_error' }, 'PROVIDER_AUTH', false],
      ['403', { status: 403, type: 'permission_error' }, 'PROVIDER_AUTH', false],
      ['404', { status: 404, type: 'not_found_error' }, 'MODEL_UNAVAILABLE', false],
      ['402', { status: 402, type: 'billing_error' }, 'QUOTA_EXCEEDED', false],
      ['413', { status: 413, type: 'request_too_large' }, 'CONTEXT_TOO_LONG', false],
      ['400', { status: 400, type: 'invalid_request_error' }, 'PROVIDER_BAD_RESPONSE', false],
    ])('after %s, at once', async (_status, failure, code, retryable) => {
      const { generationId, run } = await ask(`Fail with ${code} ${failure.status}`)
      await run.fail(failure)
      expect(await ended(generationId)).toEqual({
        status: 'FAILED',
        finishReason: 'ERROR',
        attempt: 1,
        timeToFirstTokenMs: null,
        failure: { code, retryable, retryAt: null, message: expect.stringMatching(/^Anthropic|^The/) },
        usage: expect.objectContaining({ inputTokens: null, estimated: true }),
        message: { status: 'FAILED', text: '', hash: expect.stringMatching(/^sha256:/) },
      })
    })

    test.each([
      ['529', (run: ScriptedRun) => run.fail({ status: 529 }), 'PROVIDER_OVERLOADED'],
      ['500', (run: ScriptedRun) => run.fail({ status: 500, type: 'api_error' }), 'PROVIDER_BAD_RESPONSE'],
      ['a connection that breaks', async (run: ScriptedRun) => run.cut('RST'), 'PROVIDER_UNREACHABLE'],
      ['an answer that breaks off before its first text', noAnswer, 'PROVIDER_UNREACHABLE'],
    ])('after %s three times, and readers hear of each attempt', async (what, fail, code) => {
      const prompt = `Fail three times with ${what}`
      const { generationId, run } = await ask(prompt)
      const reading = new Reading(server.app.follow(generationId))
      const attempts = () =>
        reading.events.map((event) => (event['generation'] as { attempt?: number } | undefined)?.attempt)
      await fail(run)
      await reading.until(() => attempts().includes(2))
      await fail(await server.run(prompt))
      await reading.until(() => attempts().includes(3))
      await fail(await server.run(prompt))
      expect(await ended(generationId)).toMatchObject({
        status: 'FAILED',
        attempt: 3,
        failure: { code, retryable: true },
        message: { status: 'FAILED', text: '' },
      })
      await reading.ended
      // Begun, and asked again twice.
      const types = reading.events.map(({ __typename }) => __typename)
      expect(types).toEqual([...Array(3).fill('GenerationChanged'), 'GenerationFinished'])
    })

    test('after a limit that lasts longer than the budget for attempts, with the time when it ends', async () => {
      // That model is not asked any more until then.
      const { generationId, run } = await ask('Too often', 'claude-haiku-5-5')
      const before = Date.now()
      await run.fail({ status: 429, type: 'rate_limit_error', headers: { 'retry-after': '120' } })
      const generation = await ended(generationId)
      expect(generation).toMatchObject({
        status: 'FAILED',
        attempt: 1,
        failure: { code: 'PROVIDER_RATE_LIMITED', retryable: true },
      })
      const retryAt = Date.parse(generation.failure?.retryAt ?? '')
      expect(retryAt).toBeGreaterThanOrEqual(before + 119_000)
      expect(retryAt).toBeLessThan(Date.now() + 121_000)
    })
  })

  test('an attempt that fails before its first text is not the end', async () => {
    const { generationId, run } = await ask('Try again')
    await run.fail({ status: 529 })
    const second = await server.run('Try again')
    expect(second.body).toEqual(run.body)
    await second.text('Now')
    await second.finish()
    expect(await ended(generationId)).toMatchObject({
      status: 'COMPLETED',
      attempt: 2,
      failure: null,
      message: { text: 'Now' },
    })
  })

  test('what an attempt that came to nothing has reported counts: it is paid for', async () => {
    const { generationId, run } = await ask('Count me as well')
    await noAnswer(run)
    await (await server.run('Count me as well')).fail({ status: 401, type: 'authentication_error' })
    expect(await ended(generationId)).toMatchObject({
      status: 'FAILED',
      attempt: 2,
      usage: { inputTokens: 12, estimated: true },
    })
  })

  describe('INTERRUPTED, when the end of a text is missing', () => {
    test.each<[string, (run: ScriptedRun) => void | Promise<void>, boolean]>([
      ['a FIN', (run: ScriptedRun) => run.cut('FIN'), true],
      ['a RST', (run: ScriptedRun) => run.cut('RST'), true],
      ['an error of the provider', (run: ScriptedRun) => run.fail({ type: 'overloaded_error' }), true],
      ['a refusal of the provider', (run: ScriptedRun) => run.fail({ type: 'authentication_error' }), false],
      ['bytes that mean nothing', (run: ScriptedRun) => run.raw('event: x\ndata: {"type\n\n'), true],
    ])('after %s: the text is kept, there is no other attempt', async (what, end, retryable) => {
      const { generationId, run } = await ask(`Interrupt me with ${what}`)
      const { length } = server.upstream.runs
      await run.text('I was just')
      await shown(generationId)
      await end(run)
      expect(await ended(generationId)).toEqual({
        status: 'INTERRUPTED',
        finishReason: 'INTERRUPTED',
        attempt: 1,
        timeToFirstTokenMs: expect.any(Number),
        failure: { code: expect.any(String), retryable, retryAt: null, message: expect.any(String) },
        usage: expect.objectContaining({ inputTokens: 12, outputTokens: 3, estimated: true }),
        message: { status: 'INTERRUPTED', text: 'I was just', hash: expect.stringMatching(/^sha256:/) },
      })
      expect(server.upstream.runs).toHaveLength(length)
    })

    test('also when only reasoning has come', async () => {
      const { generationId, run } = await ask('Only think')
      await run.reasoning('Hm')
      await shown(generationId)
      run.cut()
      expect(await ended(generationId)).toMatchObject({
        status: 'INTERRUPTED',
        message: { status: 'INTERRUPTED', text: '' },
      })
    })
  })

  test.each([
    ['FAILED', (run: ScriptedRun) => run.fail({ status: 401, type: 'authentication_error' })],
    ['INTERRUPTED', (run: ScriptedRun) => run.text('Hm').then(() => run.fail({ type: 'api_error' }))],
  ])('after %s the conversation can go on', async (status, end) => {
    const { conversationId, generationId, answerId, run } = await ask(`Go on after ${status}`)
    await end(run)
    expect(await ended(generationId)).toMatchObject({ status })
    const next = await say(server.app, conversationId, 'And yet')
    expect(await read(server.app, 'Message', next, 'parents { id }')).toEqual({ parents: [{ id: answerId }] })
  })

  test('a run whose provider is gone after a restart says that its model is', async () => {
    await using place = await create()
    await using upstream = await startScriptedUpstream()
    const before = await startApp({ place, upstream })
    const { generationId } = await before.ask(await before.createConversation(), 'See you')
    await upstream.request()
    await before.close()
    await using app = await startApp({ place })
    await ending(app, generationId)
    expect(await read(app, 'Generation', generationId, fields)).toMatchObject({
      status: 'FAILED',
      failure: { code: 'MODEL_UNAVAILABLE', retryable: false },
    })
  })

  async function ask(prompt: string, modelId: string | null = null) {
    const conversationId = await server.app.createConversation()
    const asked = await server.app.ask(conversationId, prompt, { generate: { modelId } })
    return { ...asked, run: await server.run(prompt) }
  }

  /** The run after its end, which its last event shows as it is read later. */
  async function ended(generationId: string): Promise<Ended> {
    const { generation } = await ending(server.app, generationId)
    const found = await read<Ended>(server.app, 'Generation', generationId, fields)
    const { status, finishReason, message } = generation as Record<string, unknown>
    expect(found).toMatchObject({ status, finishReason })
    expect(message).toMatchObject((found as unknown as { message: object }).message)
    return found
  }

  /** Resolves once some text of a run has been shown. */
  async function shown(generationId: string): Promise<void> {
    for await (const event of server.app.follow(generationId)) if (event.__typename === 'PartDelta') return
  }
})

/** Begins an answer, says what it has read, and ends it before its first text. */
async function noAnswer(run: ScriptedRun): Promise<void> {
  await run.ping()
  run.cut()
}
