import { describe, expect, test } from 'vitest'
import { Group } from '../bench/load/group.ts'
import { Histogram } from '../bench/load/histogram.ts'
import { Tally } from '../bench/load/tally.ts'
import { judge } from '../bench/report/goals.ts'
import { startUpstream } from '../bench/servers/upstream.ts'
import { tokenText } from '../bench/wire.ts'
import { startApp } from './support/app.ts'
import { databases } from './support/databases.ts'

describe('the clients of the bench', () => {
  test('read every token of every answer, from one reader and from all who watch', async () => {
    await using upstream = await startUpstream()
    await using place = await databases[0]!.create()
    await using app = await startApp({ place, upstream })
    const readers = await Group.open('parley', app.endpoint, 3)
    await readers.ask({ question: { tokens: 20, pace: 5 }, spread: 10, times: 2 })
    const paced = readers.take()
    expect(paced).toMatchObject({ tokens: 3 * 2 * 20, faults: [] })
    expect(paced.firstTokens).toHaveLength(3 * 2)
    await readers.ask({ question: { tokens: 5_000, pace: 0, digits: 40 }, spread: 0, times: 1 })
    expect(readers.take()).toMatchObject({ tokens: 3 * 5_000, faults: [] })
    readers.close()
    const room = await Group.openRoom('parley', app.endpoint, 4)
    await room.ask({ question: { tokens: 1_000, pace: 0 }, spread: 0, times: 1 })
    expect(room.take()).toMatchObject({ tokens: 4 * 1_000, faults: [] })
    room.close()
  })

  test('count tokens wherever their text is cut', () => {
    const tally = new Tally({ onToken: () => {} })
    for (const byte of Buffer.from(textOf(1, 2, 3))) tally.read(Uint8Array.of(byte), 0, 1)
    expect(tally.seen).toBe(3)
  })

  test.each([
    ['missing', [1, 3]],
    ['doubled', [1, 2, 2]],
    ['out of order', [2, 1]],
  ])('fail at a token that is %s', (_what, numbers) => {
    const bytes = Buffer.from(textOf(...numbers))
    expect(() => new Tally({ onToken: () => {} }).read(bytes, 0, bytes.length)).toThrow(/came after token/)
  })

  function textOf(...numbers: number[]): string {
    return numbers.map((number) => tokenText(number, 'a', 'b')).join('')
  }
})

test('percentiles are exact to a tenth of a millisecond', () => {
  const histogram = new Histogram()
  expect(histogram.percentile(0.5)).toBeNull()
  for (let time = 1; time <= 1_000; time += 1) histogram.add(time * 1_000)
  expect(histogram.percentile(0.5)).toBeCloseTo(500, 0)
  expect(histogram.percentile(0.99)).toBeCloseTo(990, 0)
})

describe('a goal', () => {
  const firstToken = (values: Record<string, number[]>) => ({ firstToken: { what: '', unit: 'ms', values } })

  test('is judged by the median of the ratios of the rounds, against the sum of its references', () => {
    const values = {
      'raw-ws': [1, 10, 1],
      'commit-pglite': [1, 10, 1],
      'commit-postgres': [3, 3, 3],
      'parley-pglite': [2, 40, 3],
      'parley-postgres': [12, 13, 16],
    }
    const verdicts = judge(firstToken(values))
    expect(verdicts.map(({ target, value, reached }) => ({ target, value, reached }))).toEqual([
      { target: 'parley-pglite', value: 1.5, reached: true },
      { target: 'parley-postgres', value: 3, reached: false },
    ])
  })

  test('is not judged without its references', () => {
    expect(judge(firstToken({ 'raw-ws': [1], 'parley-pglite': [1] }))).toEqual([])
  })
})
