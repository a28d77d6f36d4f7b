import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { vendors } from '../../../src/server/llm/openai-vendors.ts'
import { noTokenUsage } from '../../../src/server/llm/provider.ts'
import { startAimock } from '../../support/aimock.ts'
import { type ByteServer, startByteServer, streamHead } from '../../support/byte-server.ts'
import { ask, failureOf, type Outcome } from '../../support/llm.ts'
import {
  answer,
  chunkOf,
  delta,
  done,
  errorFrame,
  finishDelta,
  openRouterErrorFrame,
  processing,
  reasoningDelta,
  roleDelta,
  textDelta,
  usage,
  usageFrame,
} from '../../support/openai-frames.ts'
import { openai, vendorAt } from '../../support/wires.ts'

let server: ByteServer
beforeAll(async () => {
  server = await startByteServer()
})
afterAll(() => server.close())

async function answerTo(body: string, vendor = vendors.openai, head = streamHead): Promise<Outcome> {
  const outcome = ask(vendorAt(vendor, server.url), openai.question())
  const request = await server.request()
  await request.write(head + body)
  request.end()
  return outcome
}

const end = finishDelta() + usageFrame() + done

describe('[case 21] what a model thinks', () => {
  test.each([
    ['reasoning_content, as DeepSeek', { content: null, reasoning_content: 'Hm' }],
    ['reasoning, as Ollama', { content: '', reasoning: 'Hm' }],
    [
      'reasoning and its details, as OpenRouter',
      { content: '', reasoning: 'Hm', reasoning_details: [{ type: 'reasoning.text', text: 'Hm', index: 0 }] },
    ],
    ['both names, as some gateways', { content: '', reasoning: 'Hm', reasoning_content: 'Hm' }],
    ['details alone', { reasoning_details: [{ type: 'reasoning.text', text: 'H' }, { summary: 'm' }] }],
    [
      'details that are partly encrypted',
      { reasoning_details: [{ type: 'reasoning.encrypted', data: 'ZW5j' }, null, { text: 'Hm' }] },
    ],
  ])('is read from %s', async (_name, thought) => {
    const outcome = await answerTo(roleDelta + delta(thought) + textDelta('So.') + end)
    expect(outcome).toMatchObject({ reasoning: 'Hm', text: 'So.', blocks: ['Hm', 'So.'], finish: 'STOP' })
  })

  test('and says in one delta are two blocks', async () => {
    const outcome = await answerTo(roleDelta + delta({ reasoning_content: 'Hm', content: 'So.' }) + end)
    expect(outcome.blocks).toEqual(['Hm', 'So.'])
  })

  test('after its first words is another block, and what follows a third', async () => {
    const outcome = await answerTo(
      roleDelta + textDelta('One.') + reasoningDelta('Hm') + reasoningDelta('m') + textDelta('Two.') + end,
    )
    expect(outcome.blocks).toEqual(['One.', 'Hmm', 'Two.'])
  })
})

describe('what counts as content', () => {
  test('[case 16] the arguments of a tool do not', async () => {
    const call = (args: string, more = {}) =>
      delta({ tool_calls: [{ index: 0, ...more, function: { arguments: args } }] })
    const outcome = await answerTo(
      [
        roleDelta,
        textDelta('Looking'),
        call('', { id: 'call_1', type: 'function' }),
        call('{"zo'),
        call('ne":"UTC"}'),
        finishDelta('tool_calls'),
        done,
      ].join(''),
    )
    expect(outcome).toMatchObject({ blocks: ['Looking'], finish: 'TOOL_CALLS' })
  })

  test.each([
    ['a chunk without choices', chunkOf([])],
    ['a choice without a delta', delta(null)],
    ['a choice that is null', 'data: {"choices":[null]}\n\n'],
    ['choices that are null', 'data: {"choices":null,"usage":null}\n\n'],
    ['text that is null', delta({ content: null, refusal: null, tool_calls: null, reasoning_details: null })],
    ['text that is none', delta({ content: 7, reasoning: {}, reasoning_details: [7, 'x'] })],
    ['a data line without anything', 'data:\n\n'],
    ['an error that is null', delta({ content: '' }, null, { error: null })],
  ])('[case 18] %s does not', async (_name, strange) => {
    const outcome = await answerTo(roleDelta + strange + textDelta('text') + strange + end)
    expect(outcome).toMatchObject({ text: 'text', reasoning: '', finish: 'STOP', error: null })
  })

  test('[case 5] what OpenRouter says while a model has not begun does not', async () => {
    const body = processing.repeat(3) + answer('text').replaceAll('\n\n', `\n\n${processing}`)
    expect(await answerTo(body, vendors.openrouter)).toMatchObject({ text: 'text', finish: 'STOP' })
  })
})

describe('how an answer ends', () => {
  test.each([
    ['stop', 'STOP'],
    ['length', 'LENGTH'],
    ['tool_calls', 'TOOL_CALLS'],
    ['function_call', 'TOOL_CALLS'],
    ['content_filter', 'CONTENT_FILTER'],
    ['out_of_moonlight', 'UNKNOWN'],
  ])('[case 24] %s is %s', async (reason, finish) => {
    const body = roleDelta + textDelta('so far') + finishDelta(reason) + usageFrame() + done
    expect(await answerTo(body)).toMatchObject({ text: 'so far', finish, error: null })
  })

  test('[case 23] a refusal is shown whole, and is no failure', async () => {
    const words = ["I'm sorry, ", 'but ', 'no.'].map((refusal) => delta({ refusal }))
    expect(await answerTo(roleDelta + words.join('') + end)).toMatchObject({
      text: "I'm sorry, but no.",
      finish: 'REFUSAL',
      error: null,
    })
  })

  test('without a reason is an end', async () => {
    const body = roleDelta + textDelta('x') + done
    expect(await answerTo(body)).toMatchObject({ text: 'x', finish: 'UNKNOWN', error: null })
  })

  test.each(['', null])('a reason that is %j is none yet', async (reason) => {
    const body = delta({ content: 'a' }, reason) + delta({ content: 'b' }, reason) + end
    expect(await answerTo(body)).toMatchObject({ text: 'ab', finish: 'STOP' })
  })

  test('[case 28] a last chunk that comes twice says nothing twice', async () => {
    const last = delta({ content: ' two' }, 'stop')
    const body = roleDelta + textDelta('one') + last + last + usageFrame() + done
    expect(await answerTo(body)).toMatchObject({ text: 'one two', finish: 'STOP' })
  })

  test.each([
    ['nothing more', ''],
    ['its figures', usageFrame()],
  ])(
    '[case 38] an answer that lacks only its [DONE] is whole: after its reason comes %s',
    async (_name, rest) => {
      const outcome = await answerTo(roleDelta + textDelta('text') + finishDelta() + rest)
      expect(outcome).toMatchObject({ text: 'text', finish: 'STOP', error: null })
      expect(outcome.usage === null).toBe(rest === '')
    },
  )

  test('[case 39] an answer that lacks only its [DONE] is whole, though the connection is lost', async () => {
    const outcome = ask(openai.at(server.url), openai.question())
    const request = await server.request()
    const head = streamHead.replace('\r\n\r\n', '\r\ncontent-length: 100000\r\n\r\n')
    await request.write(head + roleDelta + textDelta('text') + finishDelta())
    request.end()
    expect(await outcome).toMatchObject({ text: 'text', finish: 'STOP', error: null })
  })

  test.each([
    ['x-request-id', vendors.openai],
    ['x-generation-id', vendors.openrouter],
    ['x-ds-trace-id', vendors.deepseek],
  ])('the start carries the id of %s', async (header, vendor) => {
    const head = streamHead.replace('\r\n\r\n', `\r\n${header}: req_42\r\n\r\n`)
    const { events } = await answerTo(answer('x'), vendor, head)
    expect(events[0]).toEqual({ type: 'start', requestId: 'req_42' })
  })
})

describe('[case 43] an error of OpenRouter in the middle', () => {
  test.each([
    [502, 'PROVIDER_BAD_RESPONSE', true],
    [429, 'PROVIDER_RATE_LIMITED', true],
    [503, 'PROVIDER_OVERLOADED', true],
    ['server_error', 'PROVIDER_BAD_RESPONSE', true],
    [402, 'QUOTA_EXCEEDED', false],
  ])('%s is %s', async (code, expected, retryable) => {
    const frames = roleDelta + textDelta('so far') + openRouterErrorFrame(code, 'Provider disconnected')
    const outcome = await answerTo(processing + frames + done, vendors.openrouter)
    expect(outcome).toMatchObject({ text: 'so far', finish: null })
    expect(failureOf(outcome)).toMatchObject({ code: expected, retryable })
  })

  test('is one too in the choice alone', async () => {
    const choice = {
      index: 0,
      delta: { content: '' },
      finish_reason: 'error',
      error: { code: 503, message: 'x' },
    }
    const outcome = await answerTo(
      roleDelta + textDelta('so far') + chunkOf([choice]) + done,
      vendors.openrouter,
    )
    expect(outcome).toMatchObject({ text: 'so far', finish: null })
    expect(failureOf(outcome).code).toBe('PROVIDER_OVERLOADED')
  })

  test('is one too where nothing is said of it', async () => {
    const outcome = await answerTo(roleDelta + finishDelta('error') + done, vendors.openrouter)
    expect(failureOf(outcome)).toMatchObject({ code: 'PROVIDER_BAD_RESPONSE', retryable: true })
  })
})

test('[case 37] an error that is a mere text', async () => {
  const outcome = await answerTo(`${roleDelta}${textDelta('so far')}data: {"error":"out of memory"}\n\n`)
  expect(outcome.text).toBe('so far')
  expect(failureOf(outcome)).toMatchObject({ code: 'PROVIDER_BAD_RESPONSE', retryable: true })
})

test('an error after the end of the text does not take it back', async () => {
  const error = errorFrame({ type: 'server_error', code: null })
  const outcome = await answerTo(roleDelta + textDelta('whole') + finishDelta() + error)
  expect(outcome).toMatchObject({ text: 'whole', finish: 'STOP', error: null })
})

async function usageOf(...figures: (Readonly<Record<string, unknown>> | null)[]) {
  const frames = figures.map((one) => chunkOf([], { usage: one }))
  return (await answerTo(roleDelta + textDelta('x') + finishDelta() + frames.join('') + done)).usage
}

describe('[case 27] usage', () => {
  test('is unknown, not zero, where nothing is said of it', async () => {
    expect(await usageOf()).toBeNull()
    expect(await usageOf(null)).toBeNull()
    expect(await usageOf({})).toEqual(noTokenUsage)
  })

  test('is what OpenAI says', async () => {
    const details = {
      prompt_tokens_details: { cached_tokens: 5 },
      completion_tokens_details: { reasoning_tokens: 3 },
    }
    expect(await usageOf({ ...usage, ...details })).toEqual({
      ...noTokenUsage,
      inputTokens: 12,
      outputTokens: 7,
      cachedTokens: 5,
      reasoningTokens: 3,
    })
  })

  test('is what DeepSeek says', async () => {
    const figures = {
      prompt_tokens: 12,
      completion_tokens: 7,
      prompt_cache_hit_tokens: 4,
      prompt_cache_miss_tokens: 8,
      prompt_tokens_details: null,
    }
    expect(await usageOf(figures)).toMatchObject({ inputTokens: 12, outputTokens: 7, cachedTokens: 4 })
  })

  test('is the latest of several, and may come with the text', async () => {
    const first = delta({ content: 'x' }, null, { usage: { prompt_tokens: 12, completion_tokens: 1 } })
    const last = delta({}, 'stop', { usage: { prompt_tokens: 12, completion_tokens: 9 } })
    expect((await answerTo(roleDelta + first + last + done)).usage).toMatchObject({ outputTokens: 9 })
  })

  test('is unknown where it is no number', async () => {
    const figures = { prompt_tokens: '12', completion_tokens: 1.5, prompt_cache_hit_tokens: 2 ** 31 }
    for (const cost of ['1', -1, 1e300]) expect(await usageOf({ ...figures, cost })).toEqual(noTokenUsage)
  })
})

describe('the wire as another implementation speaks it', () => {
  test('[case 13] [case 14] [case 22] reasoning, text, figures, an early end and an empty answer', async () => {
    await using mock = await startAimock()
    const usage = { prompt_tokens: 21, completion_tokens: 8, total_tokens: 29 }
    mock.onMessage('think', { content: 'Good morning', reasoning: 'It is early', usage })
    mock.onMessage('long', { content: 'Once upon', finishReason: 'length' })
    mock.onMessage('empty', { content: '' })
    const openAi = openai.at(mock.url)
    expect(await ask(openAi, openai.question('think'))).toMatchObject({
      text: 'Good morning',
      reasoning: 'It is early',
      finish: 'STOP',
      usage: { inputTokens: 21, outputTokens: 8 },
    })
    expect(await ask(openAi, openai.question('long'))).toMatchObject({ text: 'Once upon', finish: 'LENGTH' })
    expect(await ask(openAi, openai.question('empty'))).toMatchObject({ text: '', finish: 'STOP' })
  })

  test('[case 5] OpenRouter, with its comments and its cost', async () => {
    await using mock = await startAimock()
    const usage = { prompt_tokens: 21, completion_tokens: 8, cost: 0.00014 }
    mock.onMessage('Hello', { content: 'Good morning', usage })
    expect(await ask(vendorAt(vendors.openrouter, `${mock.url}/api`), openai.question())).toMatchObject({
      text: 'Good morning',
      finish: 'STOP',
      usage: { inputTokens: 21, outputTokens: 8, cost: '0.00014' },
    })
  })

  test('[case 32] [case 39] a server error, and a connection lost in the middle', async () => {
    await using mock = await startAimock()
    mock.onMessage('fail', { error: { message: 'boom', type: 'server_error' }, status: 500 })
    mock.onMessage('drop', { content: 'x'.repeat(400) }, { chunkSize: 1, latency: 2, disconnectAfterMs: 60 })
    const openAi = openai.at(mock.url)
    expect(failureOf(await ask(openAi, openai.question('fail')))).toMatchObject({
      code: 'PROVIDER_BAD_RESPONSE',
      retryable: true,
    })
    const dropped = await ask(openAi, openai.question('drop'))
    expect(failureOf(dropped).code).toBe('PROVIDER_UNREACHABLE')
    expect(dropped.text.length).toBeGreaterThan(0)
  })
})
