import { describe, expect, test } from 'vitest'
import { type MessageId, newId } from '../../../src/server/ids.ts'
import {
  addChunks,
  beginning,
  type Content,
  emptyContent,
  type Place,
  stepFrom,
} from '../../../src/server/streams/content.ts'

describe('the content of a run', () => {
  test('a chunk that is held already changes nothing', () => {
    const content = emptyContent(newId<MessageId>())
    const chunks = [text(0, 0, 'Hello'), text(0, 5, ' world')]
    addChunks(content, chunks)
    addChunks(content, chunks)
    expect(content.parts.map(({ text }) => text.toString())).toEqual(['Hello world'])
  })

  test('a reader at any place is given exactly the rest, then the end of each part', () => {
    const content = contentOf('thinking', 'answer')
    content.ended = true
    for (let offset = 0; offset <= 8; offset++) {
      const { texts, parts } = readOn(content, { revision: 0, part: 0, offset })
      expect(texts).toEqual(['thinking'.slice(offset), 'answer'])
      expect(parts).toEqual([0, 1])
    }
  })

  test('the last part is finished only when the run has ended, the others when another one begins', () => {
    const content = contentOf('thinking', 'answer')
    expect(readOn(content, beginning).parts).toEqual([0])
    content.ended = true
    expect(readOn(content, beginning).parts).toEqual([0, 1])
  })

  test('a new revision is given from its beginning to a reader of the old one', () => {
    const content = contentOf('rewritten')
    content.revision = 1
    const step = stepFrom(content, { revision: 0, part: 0, offset: 4 })
    expect(step).toMatchObject({ offset: 0, text: 'rewritten', place: { revision: 1, offset: 9 } })
  })

  test.each([
    'a'.repeat(100_000),
    '漢'.repeat(50_000),
    `${'x'.repeat(7)}${'😀'.repeat(40_000)}`,
    'é😀漢a'.repeat(20_000),
  ])('a long text comes as few deltas of at most 32 kB that never split a character (%#)', (whole) => {
    const { texts, deltas } = readOn(contentOf(whole), beginning)
    expect(texts.join('')).toBe(whole)
    for (const delta of deltas) {
      expect(Buffer.byteLength(delta)).toBeLessThanOrEqual(32_000)
      expect(delta.isWellFormed()).toBe(true)
    }
    expect(deltas.length).toBeLessThanOrEqual(Math.ceil(Buffer.byteLength(whole) / 31_990))
  })
})

function text(part: number, start: number, what: string) {
  return { part, start, kind: 'TEXT', text: what } as const
}

function contentOf(...texts: string[]): Content {
  const content = emptyContent(newId<MessageId>())
  addChunks(
    content,
    texts.map((what, part) => text(part, 0, what)),
  )
  return content
}

function readOn(content: Content, from: Place) {
  const texts: string[] = []
  const deltas: string[] = []
  const parts: number[] = []
  let place = from
  for (let step = stepFrom(content, place); step; step = stepFrom(content, place)) {
    if (step.type === 'part') parts.push(step.part)
    else {
      texts[step.part] = (texts[step.part] ?? '') + step.text
      deltas.push(step.text)
    }
    place = step.place
  }
  return { texts: Array.from(texts, (one) => one ?? ''), deltas, parts }
}
