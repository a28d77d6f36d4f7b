import { expect, test } from 'vitest'
import { eventually } from '../../support/eventually.ts'
import { ask, claudeAt, failureOf, question } from '../../support/llm.ts'
import { automaticText, startScriptedUpstream } from '../../support/scripted-provider.ts'

test('an upstream says what a test tells it to, when the test does', async () => {
  await using upstream = await startScriptedUpstream()
  const outcome = ask(claudeAt(upstream.url), question('How are you?'))
  const run = await upstream.request()
  expect(run.prompt).toBe('How are you?')
  await upstream.reasoning('Hm. ')
  await upstream.text('I am ')
  await upstream.ping()
  await upstream.text('fine.')
  await upstream.finish('max_tokens', { output_tokens: 3 })
  expect(await outcome).toMatchObject({
    blocks: ['Hm. ', 'I am fine.'],
    finish: 'LENGTH',
    usage: { inputTokens: 12, outputTokens: 3 },
    error: null,
  })
})

test('runs beside each other are told apart', async () => {
  await using upstream = await startScriptedUpstream()
  const outcomes = ['one', 'two'].map((text) => ask(claudeAt(upstream.url), question(text)))
  for (let turn = 0; turn < 2; turn += 1) {
    const run = await upstream.request()
    await run.text(`You said ${run.prompt}`)
    await run.finish()
  }
  const texts = (await Promise.all(outcomes)).map(({ text }) => text)
  expect(texts).toEqual(['You said one', 'You said two'])
  expect(upstream.runs).toHaveLength(2)
})

test('an upstream fails before and after its first word, and breaks off', async () => {
  await using upstream = await startScriptedUpstream()
  const claude = claudeAt(upstream.url)
  const refused = ask(claude)
  await upstream.request()
  await upstream.fail({ status: 401, type: 'authentication_error' })
  expect(failureOf(await refused).code).toBe('PROVIDER_AUTH')

  const failed = ask(claude)
  await upstream.request()
  await upstream.text('so far')
  await upstream.fail()
  expect(await failed).toMatchObject({ text: 'so far' })
  expect(failureOf(await failed).code).toBe('PROVIDER_OVERLOADED')

  const broken = ask(claude)
  await upstream.request()
  await upstream.text('so far')
  upstream.cut()
  expect(failureOf(await broken).code).toBe('PROVIDER_UNREACHABLE')
})

test('an upstream answers by itself, at a pace, and notices who leaves', async () => {
  await using upstream = await startScriptedUpstream({ automatic: { tokens: 20, pace: 10 } })
  const started = performance.now()
  expect(await ask(claudeAt(upstream.url))).toMatchObject({
    text: automaticText(20),
    finish: 'STOP',
    usage: { outputTokens: 20 },
  })
  expect(performance.now() - started).toBeGreaterThanOrEqual(198)

  const abort = new AbortController()
  const outcome = ask(claudeAt(upstream.url), question(), abort.signal)
  await eventually(() => expect(upstream.runs.length).toBe(2))
  abort.abort(new Error('Stopped'))
  await upstream.runs[1]?.closed
  expect((await outcome).finish).toBeNull()
})
