import { brotliCompressSync, gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  type ByteServer,
  chunk,
  chunkedHead,
  startByteServer,
  streamHead,
} from '../../support/byte-server.ts'
import { ask, type Outcome } from '../../support/llm.ts'
import { type Wire, wires } from '../../support/wires.ts'

let server: ByteServer
beforeAll(async () => {
  server = await startByteServer()
})
afterAll(() => server.close())

/** What is understood when the body of the response is `writes`, each one a TCP write of its own. */
async function answerTo(wire: Wire, ...writes: (string | Uint8Array)[]): Promise<Outcome> {
  const outcome = ask(wire.at(server.url), wire.question())
  const request = await server.request()
  await request.write(streamHead)
  for (const bytes of writes) await request.write(bytes)
  request.end()
  return outcome
}

const scripts = 'Family 👩‍👩‍👧‍👦, flag 🏳️‍🌈, 中文, العربية, e\u0301 and 𝄞'

describe.each(wires)("$label's event stream is read whatever its bytes are cut into", (wire) => {
  test('[case 1] one byte at a time, through emoji, CJK and right-to-left text', async () => {
    const bytes = Buffer.from(wire.answer(scripts))
    const outcome = await answerTo(wire, ...Array.from(bytes, (byte) => Uint8Array.of(byte)))
    expect(outcome).toMatchObject({ text: scripts, finish: 'STOP', error: null })
  })

  test('[case 2] a write that ends inside a code point', async () => {
    const bytes = Buffer.from(wire.answer('a😀b'))
    const middle = bytes.indexOf(Buffer.from('😀')) + 2
    const outcome = await answerTo(wire, bytes.subarray(0, middle), bytes.subarray(middle))
    expect(outcome).toMatchObject({ text: 'a😀b', finish: 'STOP' })
  })

  test('[case 10] a single delta of two megabytes', async () => {
    const text = 'x'.repeat(2_000_000)
    const outcome = await answerTo(wire, wire.answer(text))
    expect(outcome.text.length).toBe(text.length)
    expect(outcome.finish).toBe('STOP')
  })

  test('[case 11] fifty frames in one write', async () => {
    const pieces = Array.from({ length: 50 }, (_, index) => `${index} `)
    expect(await answerTo(wire, wire.answer(...pieces))).toMatchObject({
      text: pieces.join(''),
      finish: 'STOP',
    })
  })
})

describe.each(wires)("$label's event stream is read however its lines are written", (wire) => {
  const plain = wire.answer('one ', 'two').replaceAll('\r\n', '\n')

  test.each([
    ['[case 3] CRLF at the end of lines', plain.replaceAll('\n', '\r\n')],
    ['[case 3] lone CR at the end of lines', plain.replaceAll('\n', '\r')],
    ['[case 4] a byte order mark at the beginning', `\ufeff${plain}`],
    ['[case 4] no space after the colon', plain.replaceAll(/^(event|data): /gm, '$1:')],
    ['[case 5] comments between frames', plain.replaceAll('\n\n', '\n\n: keep-alive\n\n')],
    ['[case 5] what says nothing between frames', plain.replaceAll('\n\n', `\n\n${wire.ping}`)],
    [
      '[case 6] id and retry lines before the data',
      plain.replaceAll(/^data:/gm, 'id: 7\nretry: 1000\ndata:'),
    ],
    ['[case 7] data on several lines', plain.replaceAll('data: {', 'data: {\ndata: ')],
    ['[case 8] a last frame without its blank line', plain.slice(0, -1)],
    ['[case 8] a last line without its end', plain.slice(0, -2)],
  ])('%s', async (_name, body) => {
    expect(await answerTo(wire, body)).toMatchObject({ text: 'one two', finish: 'STOP', error: null })
  })

  test('[case 3] CR and LF of one line end in two writes', async () => {
    const writes = plain.replaceAll('\n', '\r\n').split(/(?<=\r)/)
    expect(await answerTo(wire, ...writes)).toMatchObject({ text: 'one two', finish: 'STOP' })
  })

  test.each([
    ['gzip', gzipSync],
    ['br', brotliCompressSync],
  ])('[case 9] %s, though nobody asked for it', async (encoding, compress) => {
    const outcome = ask(wire.at(server.url), wire.question())
    const request = await server.request()
    expect(request.headers['accept-encoding']).toBeUndefined()
    await request.write(streamHead.replace('\r\n\r\n', `\r\ncontent-encoding: ${encoding}\r\n\r\n`))
    await request.write(compress(plain))
    request.end()
    expect(await outcome).toMatchObject({ text: 'one two', finish: 'STOP' })
  })

  test('chunks of HTTP that begin and end inside frames', async () => {
    const outcome = ask(wire.at(server.url), wire.question())
    const request = await server.request()
    await request.write(chunkedHead)
    for (const piece of plain.match(/.{1,37}/gs) ?? []) await request.write(chunk(piece))
    await request.write(chunk(''))
    expect(await outcome).toMatchObject({ text: 'one two', finish: 'STOP' })
  })
})

describe.each(wires)('a connection to $label', (wire) => {
  test('serves later questions when its answer is complete', async () => {
    const connections = new Set<number>()
    for (let turn = 0; turn < 10; turn += 1) {
      const outcome = ask(wire.at(server.url), wire.question())
      const request = await server.request()
      connections.add(request.connection)
      await request.write(chunkedHead + chunk(wire.answer('done')) + chunk(''))
      expect(await outcome).toMatchObject({ text: 'done', finish: 'STOP' })
    }
    // Not always one: a question can come before the last byte of the answer before it was taken.
    expect(connections.size).toBeLessThanOrEqual(2)
  })

  test.each(['start', 'text'] as const)(
    'is closed when the reader leaves at the first %s',
    async (leaveAt) => {
      const run = wire.at(server.url).stream(wire.question(), new AbortController().signal)
      const left = (async () => {
        for await (const event of run) if (event.type === leaveAt) return
      })()
      const request = await server.request()
      await request.write(streamHead + wire.begin() + wire.text('first'))
      await left
      await request.closed
      expect(request.isClosed).toBe(true)
    },
  )
})

test('a connection that goes on after the end of the answer does not delay it, and is closed', async () => {
  await Promise.all(
    wires.map(async (wire) => {
      await using its = await startByteServer()
      const outcome = ask(wire.at(its.url), wire.question())
      const request = await its.request()
      await request.write(streamHead + wire.answer('done'))
      expect(await outcome, wire.label).toMatchObject({ text: 'done', finish: 'STOP' })
      await request.closed
    }),
  )
})
