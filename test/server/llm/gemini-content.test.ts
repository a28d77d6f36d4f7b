import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { noTokenUsage } from '../../../src/server/llm/provider.ts'
import { startAimock } from '../../support/aimock.ts'
import { type ByteServer, startByteServer, streamHead } from '../../support/byte-server.ts'
import {
  blocked,
  errorBody,
  finish,
  frame,
  parts,
  text,
  thought,
  usage,
} from '../../support/gemini-frames.ts'
import { ask, failureOf, type Outcome } from '../../support/llm.ts'
import { gemini } from '../../support/wires.ts'

let server: ByteServer
beforeAll(async () => {
  server = await startByteServer()
})
afterAll(() => server.close())

async function answerTo(body: string): Promise<Outcome> {
  const outcome = ask(gemini.at(server.url), gemini.question())
  const request = await server.request()
  await request.write(streamHead + body)
  request.end()
  return outcome
}

describe('what counts as content', () => {
  test('[case 14] thoughts are reasoning; their signatures say nothing', async () => {
    const signed = parts([{ text: '', thoughtSignature: 'c2ln' }])
    const outcome = await answerTo(thought('Let me ') + thought('see.') + signed + text('Here.') + finish())
    expect(outcome).toMatchObject({
      reasoning: 'Let me see.',
      text: 'Here.',
      blocks: ['Let me see.', 'Here.'],
      finish: 'STOP',
    })
  })

  test('[case 17] parts of one response keep their order', async () => {
    const outcome = await answerTo(
      parts([
        { text: 'Hm', thought: true },
        { text: 'One ' },
        { functionCall: { name: 'clock', args: {} } },
      ]) +
        parts([{ text: 'two' }, { text: ' hm', thought: true }]) +
        finish(),
    )
    expect(outcome.blocks).toEqual(['Hm', 'One two', ' hm'])
  })

  test('[case 18] what nobody knows yet does not: parts, fields, nulls', async () => {
    const candidates = (candidate: object | null) => frame({ candidates: [candidate] })
    const outcome = await answerTo(
      [
        frame({ responseId: 'x', hologram: 7 }),
        frame({ candidates: [] }),
        candidates(null),
        candidates({ content: null, index: 0 }),
        candidates({ content: { role: 'model' }, index: 0 }),
        parts([{ hologram: { data: 'x' } }, { text: 'text' }, { text: 7 }]),
        parts([null as never]),
        parts('text' as never),
        frame({ error: null, candidates: null, usageMetadata: null, promptFeedback: null }),
        finish(),
      ].join(''),
    )
    expect(outcome).toMatchObject({ text: 'text', reasoning: '', finish: 'STOP', error: null })
  })
})

describe('how an answer ends', () => {
  test.each([
    ['STOP', 'STOP'],
    ['MAX_TOKENS', 'LENGTH'],
    ['SAFETY', 'CONTENT_FILTER'],
    ['RECITATION', 'CONTENT_FILTER'],
    ['BLOCKLIST', 'CONTENT_FILTER'],
    ['PROHIBITED_CONTENT', 'CONTENT_FILTER'],
    ['SPII', 'CONTENT_FILTER'],
    ['LANGUAGE', 'REFUSAL'],
    ['CONTINUATION', 'PAUSE'],
    ['OTHER', 'UNKNOWN'],
    ['OUT_OF_MOONLIGHT', 'UNKNOWN'],
  ])('[case 24] %s is %s', async (reason, expected) => {
    const body = text('so far') + finish(reason)
    expect(await answerTo(body)).toMatchObject({ text: 'so far', finish: expected, error: null })
  })

  test('with its last words, and their figures before it', async () => {
    const { events } = await answerTo(text('one ') + parts([{ text: 'two' }], { finishReason: 'STOP' }))
    expect(events.slice(-3).map(({ type }) => type)).toEqual(['text', 'usage', 'finish'])
  })

  test.each(['SAFETY', 'OTHER', 'PROHIBITED_CONTENT'])(
    '[case 24] a prompt that is blocked (%s) is filtered, and no failure',
    async (reason) => {
      expect(await answerTo(blocked(reason))).toMatchObject({
        text: '',
        finish: 'CONTENT_FILTER',
        error: null,
        usage: { inputTokens: 12, outputTokens: null },
      })
    },
  )

  test('[case 28] a last response that comes twice says nothing twice', async () => {
    const last = parts([{ text: 'once' }], { finishReason: 'STOP' })
    const outcome = await answerTo(last + last)
    expect(outcome).toMatchObject({ text: 'once', finish: 'STOP' })
    expect(outcome.events.filter((event) => event.type === 'finish')).toHaveLength(1)
  })

  test('[case 38] with an error that is no event: it breaks off', async () => {
    const outcome = await answerTo(text('so far') + errorBody({ code: 503, status: 'UNAVAILABLE' }))
    expect(outcome).toMatchObject({ text: 'so far', finish: null })
    expect(failureOf(outcome)).toMatchObject({ code: 'PROVIDER_BAD_RESPONSE', retryable: true })
  })
})

async function usageOf(...figures: (Readonly<Record<string, unknown>> | null)[]) {
  const frames = figures.map((one) => parts([{ text: 'x' }], {}, one))
  return (await answerTo(frames.join('') + finish('STOP', null))).usage
}

describe('[case 27] usage', () => {
  test('is unknown, not zero, where nothing is said of it', async () => {
    expect(await usageOf(null)).toBeNull()
    expect(await usageOf({})).toEqual(noTokenUsage)
  })

  test('is the latest of several: each one is of all so far', async () => {
    expect(await usageOf({ ...usage, candidatesTokenCount: 2 }, usage)).toEqual({
      ...noTokenUsage,
      inputTokens: 12,
      outputTokens: 7,
    })
  })

  test('of the output counts thoughts', async () => {
    const figures = { ...usage, thoughtsTokenCount: 30, cachedContentTokenCount: 4 }
    expect(await usageOf(figures)).toEqual({
      ...noTokenUsage,
      inputTokens: 12,
      outputTokens: 37,
      cachedTokens: 4,
      reasoningTokens: 30,
    })
  })

  test('is unknown where it is no number', async () => {
    const figures = { promptTokenCount: '12', candidatesTokenCount: -1, thoughtsTokenCount: null }
    expect(await usageOf({ ...figures, cachedContentTokenCount: 1.5 })).toEqual(noTokenUsage)
  })

  test('of a model that has only thought so far is its thoughts', async () => {
    expect(await usageOf({ promptTokenCount: 12, thoughtsTokenCount: 30 })).toMatchObject({
      outputTokens: 30,
    })
  })
})

describe('the wire as another implementation speaks it', () => {
  test('[case 13] [case 14] [case 22] thoughts, text, figures, an early end and an empty answer', async () => {
    await using mock = await startAimock()
    const usage = { promptTokenCount: 21, candidatesTokenCount: 8 }
    mock.onMessage('think', { content: 'Good morning', reasoning: 'It is early', usage })
    mock.onMessage('long', { content: 'Once upon', finishReason: 'length' })
    mock.onMessage('empty', { content: '' })
    const google = gemini.at(mock.url)
    expect(await ask(google, gemini.question('think'))).toMatchObject({
      text: 'Good morning',
      reasoning: 'It is early',
      finish: 'STOP',
      usage: { inputTokens: 21, outputTokens: 8 },
    })
    expect(await ask(google, gemini.question('long'))).toMatchObject({ text: 'Once upon', finish: 'LENGTH' })
    expect(await ask(google, gemini.question('empty'))).toMatchObject({ text: '', finish: 'STOP' })
  })

  test('[case 32] [case 39] a server error, and a connection lost in the middle', async () => {
    await using mock = await startAimock()
    mock.onMessage('fail', { error: { message: 'boom' }, status: 500 })
    mock.onMessage('drop', { content: 'x'.repeat(400) }, { chunkSize: 1, latency: 2, disconnectAfterMs: 60 })
    const google = gemini.at(mock.url)
    expect(failureOf(await ask(google, gemini.question('fail')))).toMatchObject({
      code: 'PROVIDER_BAD_RESPONSE',
      retryable: true,
    })
    const dropped = await ask(google, gemini.question('drop'))
    expect(failureOf(dropped).code).toBe('PROVIDER_UNREACHABLE')
    expect(dropped.text.length).toBeGreaterThan(0)
  })
})
