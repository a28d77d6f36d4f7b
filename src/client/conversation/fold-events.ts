import type { PartKind } from '../graphql/graphql.ts'

/** What is held of one part of a message under way. */
export type LivePart = {
  readonly index: number
  readonly kind: PartKind
  readonly revision: number
  readonly text: string
}

/** Parts of a message under way, by index. */
export type LiveParts = readonly LivePart[]

/** The fields of a `PartDelta` that say what to write where. */
export type Delta = {
  readonly partIndex: number
  readonly revision: number
  readonly kind: PartKind
  readonly offset: number
  readonly text: string
}

/**
 * Writes a delta into what is held; `'gap'` when it begins beyond that, so text is missing and the reader has to
 * subscribe again. A lower revision than the one held is stale and changes nothing; the same one is written at its
 * offset and leaves a longer tail alone, so that applying a delta twice changes nothing; a higher one cuts there
 * first.
 */
export function foldDelta(parts: LiveParts, delta: Delta): LiveParts | 'gap' {
  const held = parts.find((part) => part.index === delta.partIndex)
  const { revision, text } = held ?? { revision: delta.revision, text: '' }
  if (delta.revision < revision) return parts
  if (delta.offset > text.length) return 'gap'
  const end = delta.offset + delta.text.length
  const tail = delta.revision === revision ? text.slice(end) : ''
  const written = text.slice(0, delta.offset) + delta.text + tail
  if (held && held.revision === delta.revision && held.text === written) return parts
  return replacePart(parts, {
    index: delta.partIndex,
    kind: delta.kind,
    revision: delta.revision,
    text: written,
  })
}

/** Puts a part in the place of the one with its index, or where its index belongs. */
export function replacePart(parts: LiveParts, part: LivePart): LiveParts {
  return [...parts.filter(({ index }) => index !== part.index), part].sort((a, b) => a.index - b.index)
}
