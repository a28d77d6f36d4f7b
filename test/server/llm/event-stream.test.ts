import { describe, expect, test } from 'vitest'
import { EndlessEventError, EventStreamDecoder } from '../../../src/server/llm/event-stream.ts'

const stream = [
  '\uFEFF: a comment\nevent: first\ndata: {"a":1}\n\n',
  'data:no space\ndata: and more\r\n\r\n',
  'event: lonely\n\nid: 7\nretry: 5\nunknown\ndata\n\n',
  'event: last\rdata: é漢😀\r\r',
].join('')
const events = [
  { event: 'first', data: '{"a":1}' },
  { event: null, data: 'no space\nand more' },
  { event: null, data: '' },
  { event: 'last', data: 'é漢😀' },
]

function decode(pieces: readonly Uint8Array[]) {
  const decoder = new EventStreamDecoder()
  return pieces.flatMap((piece) => decoder.push(piece))
}

describe('an event stream', () => {
  const bytes = Buffer.from(`${stream}\n`)

  test('is read alike in one piece, byte by byte, and cut anywhere', () => {
    expect(decode([bytes])).toEqual(events)
    expect(decode([...bytes].map((byte) => Uint8Array.of(byte)))).toEqual(events)
    for (let cut = 0; cut <= bytes.length; cut++) {
      expect(decode([bytes.subarray(0, cut), bytes.subarray(cut)])).toEqual(events)
    }
  })

  test('gives no event that is not complete', () => {
    expect(decode([Buffer.from('data: half\n')])).toEqual([])
  })

  test.each([
    ['one line', 'x'.repeat(2 ** 20)],
    ['many lines of data', `data:${'x'.repeat(1_023)}\n`.repeat(2 ** 10)],
  ])('that never ends, in %s, ends with an error and is not held', (_name, text) => {
    const decoder = new EventStreamDecoder()
    const bytes = Buffer.from(text)
    for (let piece = 0; piece < 16; piece += 1) decoder.push(bytes)
    expect(() => decoder.push(bytes)).toThrow(EndlessEventError)
  })

  test('may be of any length as long as its events end', () => {
    const decoder = new EventStreamDecoder()
    const bytes = Buffer.from(`: ${'x'.repeat(2 ** 20)}\ndata: ${'x'.repeat(2 ** 20)}\n\n`)
    for (let event = 0; event < 20; event += 1) expect(decoder.push(bytes)).toHaveLength(1)
  })
})
