import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type ByteServer, startByteServer, streamHead } from '../../support/byte-server.ts'
import { ask, type Outcome } from '../../support/llm.ts'
import { type Wire, wires } from '../../support/wires.ts'

let server: ByteServer
beforeAll(async () => {
  server = await startByteServer()
})
afterAll(() => server.close())

async function answerTo(wire: Wire, body: string): Promise<Outcome> {
  const outcome = ask(wire.at(server.url), wire.question())
  const request = await server.request()
  await request.write(streamHead + body)
  request.end()
  return outcome
}

describe.each(wires)('what $label says', (wire) => {
  test('is said by a provider with its name', () => {
    expect(wire.at(server.url)).toMatchObject({ name: wire.name, displayName: wire.label })
  })

  test('[case 12] is without empty deltas', async () => {
    const { events } = await answerTo(wire, wire.answer('', 'a', '', 'b', ''))
    expect(events.filter((event) => event.type === 'text')).toEqual([
      { type: 'text', block: 0, text: 'a' },
      { type: 'text', block: 0, text: 'b' },
    ])
  })

  test('[case 13] may be nothing: an answer without a token is an answer', async () => {
    expect(await answerTo(wire, wire.answer())).toMatchObject({ text: '', finish: 'STOP', error: null })
  })

  test('[case 14] begins with what the model thinks, in a block of its own', async () => {
    expect(await answerTo(wire, wire.thoughtfulAnswer('Let me see.', 'Here.'))).toMatchObject({
      reasoning: 'Let me see.',
      text: 'Here.',
      blocks: ['Let me see.', 'Here.'],
      finish: 'STOP',
    })
  })

  test.each([
    ['lone surrogate', 'a\ud83d b'],
    ['NUL', 'a\0b'],
    ['U+2028', 'a\u2028b'],
    ['HTML and script', '<script>alert("x")</script> <b>&amp;</b>'],
  ])('[case 20] is left as it is: %s', async (_name, text) => {
    expect((await answerTo(wire, wire.answer(text))).text).toBe(text)
  })

  test('is passed over where nobody knows it yet', async () => {
    const strange = 'event: hologram\ndata: {"type":"hologram","object":"hologram","choices":null}\n\n'
    const body = wire.begin() + strange + wire.text('text') + strange + wire.finish()
    expect(await answerTo(wire, body)).toMatchObject({ text: 'text', finish: 'STOP', error: null })
  })

  test.each(['null', '7', '"text"', '[]', '{}'])('is passed over where it is %s', async (json) => {
    const strange = `event: message_delta\ndata: ${json}\n\n`
    const body = wire.begin() + strange + wire.text('text') + strange + wire.finish()
    expect(await answerTo(wire, body)).toMatchObject({ text: 'text', error: null })
  })
})

describe.each(wires)('how an answer of $label ends', (wire) => {
  test('[case 22] at its longest', async () => {
    const body = wire.begin() + wire.text('Once upon') + wire.finish('LENGTH')
    expect(await answerTo(wire, body)).toMatchObject({ text: 'Once upon', finish: 'LENGTH', error: null })
  })

  test('[case 28] once, and nothing after it', async () => {
    const after = wire.finish() + wire.text(' twice') + wire.errorFrame('internal')
    const outcome = await answerTo(wire, wire.answer('once') + after)
    expect(outcome).toMatchObject({ text: 'once', error: null })
    expect(outcome.events.filter((event) => event.type === 'finish')).toHaveLength(1)
    expect(outcome.events.at(-1)).toEqual({ type: 'finish', reason: 'STOP' })
  })

  test('[case 29] after one start, though it begins twice', async () => {
    const outcome = await answerTo(wire, wire.begin() + wire.answer('text'))
    expect(outcome.events.filter((event) => event.type === 'start')).toHaveLength(1)
    expect(outcome).toMatchObject({ text: 'text', finish: 'STOP' })
  })

  test('with what it used', async () => {
    expect((await answerTo(wire, wire.answer('text'))).usage).toMatchObject({
      inputTokens: 12,
      outputTokens: 7,
    })
  })
})
