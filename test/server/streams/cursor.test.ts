import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { type GenerationId, newId } from '../../../src/server/ids.ts'
import {
  decodeCursor,
  encodeCursor,
  type Position,
  type StreamKind,
} from '../../../src/server/streams/cursor.ts'

const incarnation = newId()

describe('a cursor', () => {
  test.each([
    ['conversation', 0, []],
    ['conversation', 2 ** 31 - 1, [[0, 0, 0]]],
    ['conversation', 300, Array.from({ length: 16 }, (_, run) => [run, run * 7, run * 100_000])],
    ['generation', 12, [[0, 1, 1_000_000]]],
    ['viewer', 200, []],
  ] as const)('of a %s reads back as it was written (%#)', (kind, seq, places) => {
    const stream = streamOf(kind)
    const ids = kind === 'generation' ? [stream.id as GenerationId] : places.map(() => newId<GenerationId>())
    const position: Position = {
      seq,
      places: new Map(
        places.map(([revision, part, offset], index) => [ids[index]!, { revision, part, offset }]),
      ),
    }
    const cursor = encodeCursor(stream, position)
    expect(cursor).toMatch(/^[\w-]+$/)
    expect(decodeCursor(stream, cursor)).toEqual({ position })
  })

  test('of one run is short: it travels with every delta', () => {
    const stream = streamOf('generation')
    const places = new Map([[stream.id as GenerationId, { revision: 0, part: 1, offset: 10_000 }]])
    expect(encodeCursor(stream, { seq: 1_000, places }).length).toBeLessThanOrEqual(24)
  })

  test('carries the newest 16 runs; a reader gets older ones from their beginning', () => {
    const stream = streamOf('conversation')
    const ids = Array.from({ length: 17 }, () => newId<GenerationId>())
    const places = new Map(ids.map((id) => [id, { revision: 0, part: 0, offset: 1 }]))
    const decoded = decodeCursor(stream, encodeCursor(stream, { seq: 1, places }))
    expect('position' in decoded && [...decoded.position.places.keys()]).toEqual(ids.slice(1))
  })

  test('of another stream is foreign, of another database unknown', () => {
    const stream = streamOf('conversation')
    const cursor = encodeCursor(stream, { seq: 5, places: new Map() })
    expect(decodeCursor(streamOf('conversation'), cursor)).toEqual({ refused: 'foreign' })
    expect(decodeCursor({ ...stream, kind: 'viewer' }, cursor)).toEqual({ refused: 'foreign' })
    expect(decodeCursor({ ...stream, incarnation: newId() }, cursor)).toEqual({ refused: 'unknown' })
  })

  test('with any character changed, added or taken away is malformed', () => {
    const stream = streamOf('generation')
    const places = new Map([[stream.id as GenerationId, { revision: 0, part: 0, offset: 77 }]])
    const cursor = encodeCursor(stream, { seq: 40, places })
    for (let at = 0; at < cursor.length; at++) {
      const other = cursor[at] === 'A' ? 'B' : 'A'
      expect(decodeCursor(stream, cursor.slice(0, at) + other + cursor.slice(at + 1))).toEqual({
        refused: 'malformed',
      })
      expect(decodeCursor(stream, cursor.slice(0, at))).toEqual({ refused: 'malformed' })
    }
    for (const wrong of ['', '=', '🙂', `${cursor}A`, ` ${cursor}`, 'null', '0', cursor.repeat(100)]) {
      expect(decodeCursor(stream, wrong)).toEqual({ refused: 'malformed' })
    }
  })

  test.each([
    ['infinite', [...Array<number>(200).fill(255), 1]],
    ['none at all', [...Array<number>(200).fill(128), 0]],
    ['too large', [...Array<number>(8).fill(255), 1]],
  ])('that somebody forged with a number that is %s is malformed', (_what, number) => {
    const stream = streamOf('generation')
    const cursor = encodeCursor(stream, { seq: 1, places: new Map() })
    const body = Buffer.from([...Buffer.from(cursor, 'base64url').subarray(0, -2), 0, 0, ...number])
    const check = createHash('sha256').update(body).digest().subarray(0, 2)
    const forged = Buffer.concat([body, check]).toString('base64url')
    expect(decodeCursor(stream, forged)).toEqual({ refused: 'malformed' })
  })
})

function streamOf(kind: StreamKind) {
  return { kind, id: newId<string>(), incarnation }
}
