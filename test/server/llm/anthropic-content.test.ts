import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { noTokenUsage } from '../../../src/server/llm/provider.ts'
import { startAimock } from '../../support/aimock.ts'
import {
  answer,
  blockStart,
  blockStop,
  delta,
  type FrameUsage,
  frame,
  messageDelta,
  messageStart,
  messageStop,
  textDelta,
  textStart,
  thinkingDelta,
  thinkingStart,
} from '../../support/anthropic-frames.ts'
import { type ByteServer, startByteServer, streamHead } from '../../support/byte-server.ts'
import { ask, claudeAt, failureOf, type Outcome, question } from '../../support/llm.ts'
import { automaticText, startScriptedUpstream } from '../../support/scripted-provider.ts'

let server: ByteServer
beforeAll(async () => {
  server = await startByteServer()
})
afterAll(() => server.close())

async function answerTo(body: string): Promise<Outcome> {
  const outcome = ask(claudeAt(server.url))
  const request = await server.request()
  await request.write(streamHead + body)
  request.end()
  return outcome
}

const end = messageDelta() + messageStop
const signature = { type: 'signature_delta', signature: 'c2ln' }

describe('what counts as content', () => {
  test('[case 14] thinking becomes reasoning; its signature and redacted thinking say nothing', async () => {
    const outcome = await answerTo(
      [
        messageStart(),
        thinkingStart(0),
        thinkingDelta('Let me ', 0),
        thinkingDelta('see.', 0),
        delta(0, signature),
        blockStop(0),
        blockStart(1, { type: 'redacted_thinking', data: 'ZW5jcnlwdGVk' }),
        blockStop(1),
        textStart(2),
        textDelta('Here.', 2),
        blockStop(2),
        end,
      ].join(''),
    )
    expect(outcome).toMatchObject({ reasoning: 'Let me see.', text: 'Here.', finish: 'STOP' })
    expect(outcome.blocks).toEqual(['Let me see.', 'Here.'])
  })

  test('[case 15] thinking that is not shown is no block', async () => {
    const outcome = await answerTo(
      messageStart() +
        thinkingStart(0) +
        delta(0, signature) +
        blockStop(0) +
        textStart(1) +
        textDelta('Hi', 1) +
        end,
    )
    expect(outcome).toMatchObject({ reasoning: '', blocks: ['Hi'] })
  })

  test('text that a block begins with belongs to it', async () => {
    const outcome = await answerTo(
      messageStart() + blockStart(0, { type: 'text', text: 'Hel' }) + textDelta('lo') + end,
    )
    expect(outcome.blocks).toEqual(['Hello'])
  })

  test('[case 16] [case 17] text before and after a tool are two blocks', async () => {
    const outcome = await answerTo(
      [
        messageStart(),
        textStart(0),
        textDelta('before', 0),
        blockStop(0),
        blockStart(1, { type: 'tool_use', id: 'toolu_1', name: 'clock', input: {} }),
        delta(1, { type: 'input_json_delta', partial_json: '{"zo' }),
        delta(1, { type: 'input_json_delta', partial_json: 'ne":"UTC"}' }),
        blockStop(1),
        textStart(2),
        textDelta('after', 2),
        messageDelta('tool_use'),
        messageStop,
      ].join(''),
    )
    expect(outcome).toMatchObject({ blocks: ['before', 'after'], finish: 'TOOL_CALLS' })
  })

  test('[case 18] what nobody knows yet is passed over: events, blocks, deltas, a null', async () => {
    const outcome = await answerTo(
      [
        messageStart(),
        frame({ type: 'message_paused', until: 'noon' }),
        blockStart(0, { type: 'hologram', data: 'x' }),
        delta(0, { type: 'hologram_delta', data: 'y' }),
        textStart(1),
        delta(1, { type: 'font_delta', font: 'serif' }),
        textDelta('text', 1),
        'event: message_delta\ndata: null\n\n',
        end,
      ].join(''),
    )
    expect(outcome).toMatchObject({ blocks: ['text'], finish: 'STOP', error: null })
  })
})

describe('how an answer ends', () => {
  test.each([
    ['end_turn', 'STOP'],
    ['stop_sequence', 'STOP'],
    ['max_tokens', 'LENGTH'],
    ['tool_use', 'TOOL_CALLS'],
    ['pause_turn', 'PAUSE'],
    ['model_context_window_exceeded', 'CONTEXT_OVERFLOW'],
    ['out_of_moonlight', 'UNKNOWN'],
    [null, 'UNKNOWN'],
  ])('[case 22] [case 26] %s is %s', async (stopReason, finish) => {
    const body = messageStart() + textStart() + textDelta('so far') + messageDelta(stopReason) + messageStop
    expect(await answerTo(body)).toMatchObject({ text: 'so far', finish, error: null })
  })

  test('[case 23] a refusal in the middle keeps the text and is no failure', async () => {
    const details = { type: 'refusal', category: 'bio', explanation: 'No.' }
    const body = messageStart() + textStart() + textDelta('First, ') + blockStop()
    const outcome = await answerTo(
      body + messageDelta('refusal', { output_tokens: 2 }, details) + messageStop,
    )
    expect(outcome).toMatchObject({ text: 'First, ', finish: 'REFUSAL', error: null })
  })

  test('an end without a stop reason is an end', async () => {
    const outcome = await answerTo(messageStart() + textStart() + textDelta('x') + messageStop)
    expect(outcome).toMatchObject({ text: 'x', finish: 'UNKNOWN', error: null })
  })

  test('the start carries the id under which Anthropic knows the request', async () => {
    const outcome = ask(claudeAt(server.url))
    const request = await server.request()
    await request.write(streamHead.replace('\r\n\r\n', '\r\nrequest-id: req_42\r\n\r\n') + answer('x'))
    request.end()
    expect((await outcome).events[0]).toEqual({ type: 'start', requestId: 'req_42' })
  })
})

async function usageOf(start: FrameUsage | null, ...deltas: (FrameUsage | null)[]) {
  const body = textStart() + textDelta('x')
  const ends = deltas.map((usage) => messageDelta('end_turn', usage))
  return (await answerTo(messageStart(start) + body + ends.join('') + messageStop)).usage
}

describe('[case 27] usage', () => {
  test('is unknown, not zero, where nothing is said of it', async () => {
    expect(await usageOf(null, null)).toBeNull()
  })

  test('is unknown where it is no number', async () => {
    expect(await usageOf({ input_tokens: '12', output_tokens: -1 }, { output_tokens: 1.5 })).toEqual(
      noTokenUsage,
    )
  })

  test('of the start alone counts', async () => {
    expect(await usageOf({ input_tokens: 12, output_tokens: 1 }, null)).toEqual({
      ...noTokenUsage,
      inputTokens: 12,
      outputTokens: 1,
    })
  })

  test('is cumulative: a later figure replaces, one that is left out or null stands', async () => {
    const later = { output_tokens: 9, input_tokens: null, output_tokens_details: { thinking_tokens: 4 } }
    expect(await usageOf({ input_tokens: 12, output_tokens: 1 }, { output_tokens: 5 }, later)).toEqual({
      ...noTokenUsage,
      inputTokens: 12,
      outputTokens: 9,
      reasoningTokens: 4,
    })
  })

  test('of the input is the fresh, the cached and the newly cached together', async () => {
    const start = { input_tokens: 10, cache_read_input_tokens: 200, cache_creation_input_tokens: 3_000 }
    expect(await usageOf(start, { output_tokens: 1 })).toMatchObject({
      inputTokens: 3_210,
      cachedTokens: 200,
      cacheWrittenTokens: 3_000,
    })
  })
})

describe('the wire as another implementation speaks it', () => {
  test('[case 14] thinking with its signature, redacted thinking and text', async () => {
    await using mock = await startAimock()
    mock.onMessage('Hello', {
      content: 'Good morning',
      reasoning: 'It is early',
      reasoningSignature: 'c2ln',
      redactedThinking: ['ZW5j'],
    })
    expect(await ask(claudeAt(mock.url))).toMatchObject({
      text: 'Good morning',
      reasoning: 'It is early',
      finish: 'STOP',
    })
  })

  test('[case 13] [case 22] an answer cut at its longest, and an empty one', async () => {
    await using mock = await startAimock()
    mock.onMessage('long', { content: 'Once upon', finishReason: 'length' })
    mock.onMessage('empty', { content: '' })
    expect(await ask(claudeAt(mock.url), question('long'))).toMatchObject({
      text: 'Once upon',
      finish: 'LENGTH',
    })
    expect(await ask(claudeAt(mock.url), question('empty'))).toMatchObject({ text: '', finish: 'STOP' })
  })

  test('[case 32] [case 39] a server error, and a connection lost in the middle', async () => {
    await using mock = await startAimock()
    mock.onMessage('fail', { error: { message: 'boom', type: 'api_error' }, status: 500 })
    mock.onMessage('drop', { content: 'x'.repeat(400) }, { chunkSize: 1, latency: 2, disconnectAfterMs: 60 })
    expect(failureOf(await ask(claudeAt(mock.url), question('fail')))).toMatchObject({
      code: 'PROVIDER_BAD_RESPONSE',
      retryable: true,
    })
    const dropped = await ask(claudeAt(mock.url), question('drop'))
    expect(failureOf(dropped).code).toBe('PROVIDER_UNREACHABLE')
    expect(dropped.text.length).toBeGreaterThan(0)
  })
})

describe('a long answer', () => {
  test('[case 19] of 100,000 tokens arrives whole', async () => {
    await using upstream = await startScriptedUpstream({ automatic: { tokens: 100_000 } })
    const run = claudeAt(upstream.url).stream(question(), new AbortController().signal)
    let text = ''
    for await (const event of run) if (event.type === 'text') text += event.text
    expect(text === automaticText(100_000)).toBe(true)
  })

  test('waits at the upstream while nobody reads, and other answers go on', async () => {
    const megabytes = 64
    const run = claudeAt(server.url).stream(question(), new AbortController().signal)
    const start = run[Symbol.asyncIterator]().next()
    const request = await server.request()
    await request.write(streamHead + messageStart() + textStart())
    await start
    const written = request.write(textDelta('x'.repeat(1_000_000)).repeat(megabytes) + end)
    for (let turn = 0; turn < 20; turn += 1)
      expect((await answerTo(answer('meanwhile'))).text).toBe('meanwhile')
    expect(request.unsentBytes).toBeGreaterThan((megabytes / 2) * 1_000_000)
    let length = 0
    for await (const event of run) if (event.type === 'text') length += event.text.length
    expect(length).toBe(megabytes * 1_000_000)
    await written
  })
})
