import { describe, expect, test } from 'vitest'
import { type Delta, foldDelta, type LiveParts } from '../../src/client/conversation/fold-events.ts'

function delta(offset: number, text: string, more: Partial<Delta> = {}): Delta {
  return { partIndex: 0, revision: 0, kind: 'TEXT', offset, text, ...more }
}

function fold(deltas: readonly Delta[], parts: LiveParts = []): LiveParts {
  return deltas.reduce<LiveParts>((held, each) => {
    const folded = foldDelta(held, each)
    if (folded === 'gap') throw new Error(`gap at ${each.offset}`)
    return folded
  }, parts)
}

const textOf = (parts: LiveParts): string[] => parts.map((part) => part.text)

describe('a delta', () => {
  test('is written at its offset', () => {
    expect(textOf(fold([delta(0, 'Hello'), delta(5, ', world')]))).toEqual(['Hello, world'])
  })

  test('changes nothing when it comes twice, not even the identity of what is held', () => {
    const held = fold([delta(0, 'Hello'), delta(5, ', world')])
    expect(foldDelta(held, delta(0, 'Hello'))).toBe(held)
    expect(foldDelta(held, delta(5, ', world'))).toBe(held)
  })

  test('of the same revision leaves a longer tail alone', () => {
    expect(textOf(fold([delta(0, 'Hello, world'), delta(0, 'Hello')]))).toEqual(['Hello, world'])
  })

  test('of a higher revision cuts at its offset first', () => {
    expect(textOf(fold([delta(0, 'Hello, world'), delta(5, '!', { revision: 1 })]))).toEqual(['Hello!'])
  })

  test('of a lower revision is stale', () => {
    const held = fold([delta(0, 'new', { revision: 2 })])
    expect(foldDelta(held, delta(0, 'old text', { revision: 1 }))).toBe(held)
    expect(foldDelta(held, delta(99, 'old text', { revision: 1 }))).toBe(held)
  })

  test('beyond what is held is a gap', () => {
    expect(foldDelta([], delta(1, 'x'))).toBe('gap')
    expect(foldDelta(fold([delta(0, 'Hello')]), delta(6, 'x'))).toBe('gap')
    expect(foldDelta(fold([delta(0, 'Hello')]), delta(6, 'x', { revision: 1 }))).toBe('gap')
  })

  test('begins a part of its own, in order of the index', () => {
    const parts = fold([delta(0, 'answer', { partIndex: 1 }), delta(0, 'thought', { kind: 'REASONING' })])
    expect(parts.map(({ index, kind }) => [index, kind])).toEqual([
      [0, 'REASONING'],
      [1, 'TEXT'],
    ])
  })

  test('counts UTF-16 units, as offsets do', () => {
    expect(textOf(fold([delta(0, '👩‍👩‍👧‍👦'), delta(11, '!')]))).toEqual(['👩‍👩‍👧‍👦!'])
  })
})

test('however an answer is cut, merged and repeated, the fold of it is the answer', () => {
  const answer = 'The quick brown 狐 jumps over the lazy 🐶 and سلام.'.repeat(4)
  const random = numbers(7)
  for (let round = 0; round < 200; round++) {
    let parts: LiveParts = []
    let reached = 0
    while (reached < answer.length) {
      // A reader that comes back may be sent text again, never text ahead of what it holds.
      const offset = Math.floor(random() * (reached + 1))
      const length = 1 + Math.floor(random() * 40)
      parts = fold([delta(offset, answer.slice(offset, offset + length))], parts)
      reached = Math.max(reached, Math.min(answer.length, offset + length))
      expect(textOf(parts)).toEqual([answer.slice(0, reached)])
    }
  }
})

/** The same numbers between 0 and 1 in every run. */
function numbers(seed: number): () => number {
  let state = seed
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) % 2 ** 32
    return state / 2 ** 32
  }
}
