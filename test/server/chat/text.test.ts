import { describe, expect, test } from 'vitest'
import { beginningOf } from '../../../src/server/chat/text.ts'

describe('the beginning of a text', () => {
  const family = '👩🏽‍👩🏽‍👧🏽‍👦🏽'

  test.each([
    ['all of it where it is short', 'short', 'short'],
    ['all of it where it is just as long', '1234567890', '1234567890'],
    ['its first characters', '1234567890+', '1234567890'],
    ['whole surrogate pairs', '🙂'.repeat(11), '🙂'.repeat(10)],
    ['whole families', family.repeat(11), family.repeat(10)],
    ['whole flags', '🇮🇸'.repeat(11), '🇮🇸'.repeat(10)],
    ['letters with their accents', 'ñ'.normalize('NFD').repeat(11), 'ñ'.normalize('NFD').repeat(10)],
    ['line ends as one character', '\r\n'.repeat(11), '\r\n'.repeat(10)],
    ['nothing of nothing', '', ''],
  ])('is %s', (_what, text, beginning) => {
    expect(beginningOf(text, 10)).toBe(beginning)
  })

  test('stays short and well formed where a character never ends', () => {
    for (const accent of ['\u0301', '\u{1e130}']) {
      const beginning = beginningOf(`a${accent.repeat(100_000)}`, 10)
      expect(beginning.length).toBeGreaterThan(0)
      expect(beginning.length).toBeLessThan(1_000)
      expect(beginning.isWellFormed()).toBe(true)
    }
  })

  test('leaves out a character that may go on behind what it looks at', () => {
    const bulky = `a${'\u0301'.repeat(99)}`
    expect(beginningOf(bulky.repeat(10), 10)).toBe(bulky.repeat(3))
  })
})
