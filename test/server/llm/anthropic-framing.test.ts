import { brotliCompressSync, gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { answer, frame, messageStart, textDelta, textStart } from '../../support/anthropic-frames.ts'
import {
  type ByteServer,
  chunk,
  chunkedHead,
  startByteServer,
  streamHead,
} from '../../support/byte-server.ts'
import { ask, claudeAt, type Outcome, question } from '../../support/llm.ts'

let server: ByteServer
beforeAll(async () => {
  server = await startByteServer()
})
afterAll(() => server.close())

/** What Claude is understood to say when the body of the response is `writes`, each one a TCP write of its own. */
async function answerTo(...writes: (string | Uint8Array)[]): Promise<Outcome> {
  const outcome = ask(claudeAt(server.url))
  const request = await server.request()
  await request.write(streamHead)
  for (const bytes of writes) await request.write(bytes)
  request.end()
  return outcome
}

const scripts = 'Family 👩‍👩‍👧‍👦, flag 🏳️‍🌈, 中文, العربية, e\u0301 and 𝄞'

describe('the event stream is read whatever its bytes are cut into', () => {
  test('one byte at a time, through emoji, CJK and right-to-left text', async () => {
    const bytes = Buffer.from(answer(scripts))
    const outcome = await answerTo(...Array.from(bytes, (byte) => Uint8Array.of(byte)))
    expect(outcome).toMatchObject({ text: scripts, finish: 'STOP', error: null })
  })

  test('a write that ends inside a code point', async () => {
    const bytes = Buffer.from(answer('a😀b'))
    const middle = bytes.indexOf(Buffer.from('😀')) + 2
    const outcome = await answerTo(bytes.subarray(0, middle), bytes.subarray(middle))
    expect(outcome).toMatchObject({ text: 'a😀b', finish: 'STOP' })
  })

  test('fifty frames in one write', async () => {
    const pieces = Array.from({ length: 50 }, (_, index) => `${index} `)
    expect(await answerTo(answer(...pieces))).toMatchObject({ text: pieces.join(''), finish: 'STOP' })
  })

  test('a single delta of two megabytes', async () => {
    const text = 'x'.repeat(2_000_000)
    const outcome = await answerTo(answer(text))
    expect(outcome.text.length).toBe(text.length)
    expect(outcome.finish).toBe('STOP')
  })
})

describe('the event stream is read however its lines are written', () => {
  const plain = answer('one ', 'two')

  test.each([
    ['CRLF at the end of lines', plain.replaceAll('\n', '\r\n')],
    ['lone CR at the end of lines', plain.replaceAll('\n', '\r')],
    ['a byte order mark at the beginning', `\ufeff${plain}`],
    ['no space after the colon', plain.replaceAll(/^(event|data): /gm, '$1:')],
    ['comments between frames', plain.replaceAll('\n\n', '\n\n: keep-alive\n\n')],
    ['pings between frames', plain.replaceAll('\n\n', `\n\n${frame({ type: 'ping' })}`)],
    ['id and retry lines before the data', plain.replaceAll('event:', 'id: 7\nretry: 1000\nevent:')],
    ['data on several lines', plain.replaceAll('data: {', 'data: {\ndata: ')],
    ['a last frame without its blank line', plain.slice(0, -1)],
    ['a last line without its end', plain.slice(0, -2)],
  ])('%s', async (_name, body) => {
    expect(await answerTo(body)).toMatchObject({ text: 'one two', finish: 'STOP', error: null })
  })

  test('CR and LF of one line end in two writes', async () => {
    const writes = plain.replaceAll('\n', '\r\n').split(/(?<=\r)/)
    expect(await answerTo(...writes)).toMatchObject({ text: 'one two', finish: 'STOP' })
  })

  test.each([
    ['gzip', gzipSync],
    ['br', brotliCompressSync],
  ])('%s, though nobody asked for it', async (encoding, compress) => {
    const outcome = ask(claudeAt(server.url))
    const request = await server.request()
    expect(request.headers['accept-encoding']).toBeUndefined()
    await request.write(streamHead.replace('\r\n\r\n', `\r\ncontent-encoding: ${encoding}\r\n\r\n`))
    await request.write(compress(plain))
    request.end()
    expect(await outcome).toMatchObject({ text: 'one two', finish: 'STOP' })
  })

  test('chunks of HTTP that begin and end inside frames', async () => {
    const outcome = ask(claudeAt(server.url))
    const request = await server.request()
    await request.write(chunkedHead)
    for (const piece of plain.match(/.{1,37}/gs) ?? []) await request.write(chunk(piece))
    await request.write(chunk(''))
    expect(await outcome).toMatchObject({ text: 'one two', finish: 'STOP' })
  })
})

describe('a connection', () => {
  test('serves later questions when its answer is complete', async () => {
    const connections = new Set<number>()
    for (let turn = 0; turn < 10; turn += 1) {
      const outcome = ask(claudeAt(server.url))
      const request = await server.request()
      connections.add(request.connection)
      await request.write(chunkedHead + chunk(answer('done')) + chunk(''))
      expect(await outcome).toMatchObject({ text: 'done', finish: 'STOP' })
    }
    // Not always one: a question can come before the last byte of the answer before it was taken.
    expect(connections.size).toBeLessThanOrEqual(2)
  })

  test('that goes on after the end of the answer does not delay it, and is closed', async () => {
    const outcome = ask(claudeAt(server.url))
    const request = await server.request()
    await request.write(streamHead + answer('done'))
    expect(await outcome).toMatchObject({ text: 'done', finish: 'STOP' })
    await request.closed
  })

  test.each(['start', 'text'] as const)(
    'is closed when the reader leaves at the first %s',
    async (leaveAt) => {
      const run = claudeAt(server.url).stream(question(), new AbortController().signal)
      const left = (async () => {
        for await (const event of run) if (event.type === leaveAt) return
      })()
      const request = await server.request()
      await request.write(streamHead + messageStart() + textStart() + textDelta('first'))
      await left
      await request.closed
      expect(request.isClosed).toBe(true)
    },
  )
})
