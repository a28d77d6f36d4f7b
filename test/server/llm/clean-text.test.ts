import { describe, expect, test } from 'vitest'
import { cleanText } from '../../../src/server/llm/clean-text.ts'
import { noTokenUsage, type ProviderEvent } from '../../../src/server/llm/provider.ts'

/** The deltas that take the place of these, each of block 0 where it does not say otherwise. */
function cleaned(...deltas: (string | [block: number, text: string])[]): readonly string[] {
  const clean = cleanText()
  const events = deltas.map((delta): ProviderEvent => {
    const [block, text] = typeof delta === 'string' ? [0, delta] : delta
    return { type: 'text', block, text }
  })
  return [...events, { type: 'finish', reason: 'STOP' } as const]
    .flatMap((event) => clean(event))
    .flatMap((event) => (event.type === 'text' ? [`${event.block}:${event.text}`] : []))
}

const [high, low] = ['\ud83d', '\ude00']

describe('the text of a model is made storable', () => {
  test.each([
    ['plain text stays', ['Hello'], ['0:Hello']],
    ['NUL is replaced', ['a\0b'], ['0:a\ufffdb']],
    ['a lone low half is replaced', [`a${low}b`], ['0:a\ufffdb']],
    ['a lone high half in the middle is replaced', [`a${high}b`], ['0:a\ufffdb']],
    [
      'a pair that two deltas share is held back until it is whole',
      [`a${high}`, `${low}b`],
      ['0:a', '0:😀b'],
    ],
    ['a delta that is only the first half says nothing yet', [high, low], ['0:😀']],
    ['a first half that nothing follows is replaced at the end', [`a${high}`], ['0:a', '0:\ufffd']],
    ['a first half that text follows is replaced', [high, 'b'], ['0:\ufffdb']],
    ['a first half that a first half follows is replaced', [high, high, low], ['0:\ufffd', '0:😀']],
    [
      'a first half does not wait for another block',
      [
        [0, high],
        [1, low],
      ],
      ['0:\ufffd', '1:\ufffd'],
    ],
    ['U+2028, joiners and directions stay', ['\u2028👩‍💻\u202b'], ['0:\u2028👩‍💻\u202b']],
  ] as [string, (string | [number, string])[], string[]][])('%s', (_name, deltas, expected) => {
    expect(cleaned(...deltas)).toEqual(expected)
  })

  test('whatever an emoji is cut into', () => {
    const text = '👩‍👩‍👧‍👦😀é𝄞'
    expect(
      cleaned(...text.split(''))
        .map((delta) => delta.slice(2))
        .join(''),
    ).toBe(text)
  })

  test('reasoning and text of one answer do not mix', () => {
    const clean = cleanText()
    expect(clean({ type: 'reasoning', block: 0, text: high })).toEqual([])
    expect(clean({ type: 'text', block: 1, text: low })).toEqual([
      { type: 'reasoning', block: 0, text: '\ufffd' },
      { type: 'text', block: 1, text: '\ufffd' },
    ])
  })

  test('usage in between changes nothing', () => {
    const clean = cleanText()
    const usage = { ...noTokenUsage, inputTokens: 1 }
    expect(clean({ type: 'text', block: 0, text: high })).toEqual([])
    expect(clean({ type: 'usage', usage })).toEqual([{ type: 'usage', usage }])
    expect(clean({ type: 'text', block: 0, text: low })).toEqual([{ type: 'text', block: 0, text: '😀' }])
  })
})
