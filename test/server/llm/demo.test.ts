import { describe, expect, test } from 'vitest'
import { createDemo } from '../../../src/server/llm/demo.ts'
import { demoAnswer } from '../../../src/server/llm/demo-answer.ts'
import { noTokenUsage, type Parameters } from '../../../src/server/llm/provider.ts'
import { ask, noParameters, question } from '../../support/llm.ts'

const demo = createDemo({ tokensPerSecond: 0 })

function askDemo(parameters: Partial<Parameters> = {}, text = 'Hello') {
  return ask(demo, question(text, { model: 'demo', parameters: { ...noParameters, ...parameters } }))
}

describe('the demo model', () => {
  test('says what it is, in its name and in its answer', async () => {
    const [model] = await demo.listModels(new AbortController().signal)
    expect(model).toMatchObject({
      provider: 'demo',
      displayName: 'Demo (no model connected)',
      lifecycle: 'ACTIVE',
    })
    expect([...(model?.parameters ?? [])]).toEqual(['maxOutputTokens', 'stop'])
    expect((await askDemo()).text).toMatch(/^# Demo answer\n\nThis is the \*\*demo model\*\*/)
  })

  test('gives the same answer to the same message, and says how to connect Claude', async () => {
    const [first, second] = [await askDemo(), await askDemo()]
    expect(second.events).toEqual(first.events)
    expect(first.text).toBe(demoAnswer('Hello'))
    expect(first.text).toContain('ANTHROPIC_API_KEY')
    expect(first.finish).toBe('STOP')
  })

  test('shows everything that a page has to be able to show', async () => {
    const { text } = await askDemo()
    for (const part of [/^## /m, /^\| .* \|$/m, /^```ts$/m, /^```python$/m, /^- /m, /^> /m, /^1\. /m]) {
      expect(text).toMatch(part)
    }
    for (const part of ['你好', '안녕', 'مرحبا', 'שלום', '👩‍👩‍👧‍👦', '🏳️‍🌈']) expect(text).toContain(part)
    expect(Math.max(...text.split('\n').map((line) => line.length))).toBeGreaterThan(100)
  })

  test('reports what it used, counted by itself', async () => {
    const { events, usage } = await askDemo()
    const tokens = events.filter((event) => event.type === 'text').length
    expect(tokens).toBeGreaterThan(300)
    expect(tokens).toBeLessThan(600)
    expect(usage).toEqual({ ...noTokenUsage, inputTokens: 1, outputTokens: tokens })
  })

  test('ends where its longest length or a stop says', async () => {
    const whole = (await askDemo()).text
    const cut = await askDemo({ maxOutputTokens: 10 })
    expect(cut).toMatchObject({ finish: 'LENGTH', usage: { outputTokens: 10 } })
    expect(whole.startsWith(cut.text)).toBe(true)
    const stopped = await askDemo({ stop: ['nowhere', '## A table', '## Scripts'] })
    expect(stopped).toMatchObject({ finish: 'STOP', text: whole.slice(0, whole.indexOf('## A table')) })
    expect(await askDemo({ maxOutputTokens: 10_000 })).toMatchObject({ finish: 'STOP', text: whole })
  })

  test('keeps its pace', async () => {
    const started = performance.now()
    const slow = createDemo({ tokensPerSecond: 100 })
    const parameters = { ...noParameters, maxOutputTokens: 30 }
    await ask(slow, question('Hello', { parameters }))
    expect(performance.now() - started).toBeGreaterThanOrEqual(298)
  })

  test('stops at once, between two tokens and before the first', async () => {
    const slow = createDemo({ tokensPerSecond: 0.001 })
    const stop = new Error('Stopped by a person')
    const abort = new AbortController()
    const outcome = ask(slow, question(), abort.signal)
    setImmediate(() => abort.abort(stop))
    expect(await outcome).toMatchObject({ error: stop, text: '' })
    expect(await ask(demo, question(), AbortSignal.abort(stop))).toMatchObject({ error: stop, events: [] })
  })

  test('stops at once, though it runs as fast as it is read', async () => {
    const stop = new Error('Stopped by a person')
    const abort = new AbortController()
    const texts: string[] = []
    const reading = (async () => {
      for await (const event of demo.stream(question(), abort.signal)) {
        if (event.type === 'text') texts.push(event.text)
        if (texts.length === 3) abort.abort(stop)
      }
    })()
    await expect(reading).rejects.toBe(stop)
    expect(texts).toHaveLength(3)
  })
})

function quoted(message: string): string | undefined {
  return /\(“\u2068(.*)\u2069”\)/.exec(demoAnswer(message))?.[1]
}

describe('the message that it quotes', () => {
  test('is its beginning', () => {
    expect(quoted('a'.repeat(80))).toBe('a'.repeat(80))
    expect(quoted('a'.repeat(81))).toBe(`${'a'.repeat(80)}…`)
    expect(quoted('👩‍👩‍👧‍👦'.repeat(500))).toBe(`${'👩‍👩‍👧‍👦'.repeat(80)}…`)
    expect(quoted('b'.repeat(100_000))).toBe(`${'b'.repeat(80)}…`)
  })

  test('is one line, and none of its Markdown takes effect', () => {
    expect(quoted('# One\n\n```\ntwo <b>')).toBe(String.raw`\# One \`\`\` two \<b\>`)
    expect(quoted('](javascript:alert(1)) **x**')).toBe(String.raw`\]\(javascript\:alert\(1\)\) \*\*x\*\*`)
  })

  test('does not turn the direction of the writing around it', () => {
    expect(quoted('a\u202eb\u2069c')).toBe('a b c')
    expect(quoted('שלום')).toBe('שלום')
  })
})
