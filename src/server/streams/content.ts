import type { ChunkKind } from '../db/tables.ts'
import type { GenerationId, MessageId } from '../ids.ts'
import { GrowingText } from './growing-text.ts'

/** A finished part of a message. */
export type Part = { readonly kind: ChunkKind; readonly text: string }

/** Committed text of one part of a message under way. */
type GrowingPart = { readonly kind: ChunkKind; readonly text: GrowingText }

/** A piece of text and where it belongs. */
export type Chunk = {
  readonly part: number
  /** UTF-16 units from the part's beginning. */
  readonly start: number
  readonly kind: ChunkKind
  readonly text: string
}

/**
 * Text that was just committed, as the process that writes the run tells the others. Its chunks follow each other, and
 * whoever holds all that came before them holds all of the run.
 */
export type Tail = {
  readonly generationId: GenerationId
  readonly revision: number
  readonly at: Date
  readonly chunks: readonly Chunk[]
}

/**
 * The committed text of one run, as this process knows it. It only grows, but for a new revision, which starts
 * over; readers are places in it, so one content serves any number of them.
 */
export type Content = {
  readonly messageId: MessageId
  revision: number
  readonly parts: GrowingPart[]
  /** Whether the run has ended, so that nothing will be added. */
  ended: boolean
  /** Of the newest text. */
  at: Date
}

/** How far a reader has read one run. `part` counts the parts that it knows to be finished. */
export type Place = { readonly revision: number; readonly part: number; readonly offset: number }

export const beginning: Place = { revision: 0, part: 0, offset: 0 }

/** What a reader is given to get from one place to the next. */
export type Step =
  | {
      readonly type: 'delta'
      readonly place: Place
      readonly part: number
      readonly kind: ChunkKind
      readonly offset: number
      readonly text: string
    }
  | { readonly type: 'part'; readonly place: Place; readonly part: number; readonly content: Part }

export function emptyContent(messageId: MessageId): Content {
  return { messageId, revision: 0, parts: [], ended: false, at: new Date() }
}

/** Writes chunks at their places. One that is held already changes nothing. */
export function addChunks(content: Content, chunks: readonly Chunk[]): void {
  for (const { part, start, kind, text } of chunks) {
    const held = (content.parts[part] ??= { kind, text: new GrowingText() })
    if (held.text.length <= start) held.text.append(text)
  }
}

/** Adds a tail that begins exactly where the content ends; false, and nothing is changed, for any other one. */
export function addTail(content: Content, { revision, at, chunks }: Tail): boolean {
  const end = endOf(content)
  if (content.ended || revision !== content.revision) return false
  for (const { part, start, text } of chunks) {
    // The first one says nothing of where the part before it ends, the others do.
    const isNext = chunks[0]!.part < part && part === end.part + 1 && start === 0
    if (!isNext && (part !== end.part || start !== end.start)) return false
    end.part = part
    end.start = start + text.length
  }
  addChunks(content, chunks)
  content.at = at
  return true
}

/** The place behind the last text that is held. */
export function endOf({ parts }: Pick<Content, 'parts'>): { part: number; start: number } {
  const part = Math.max(parts.length - 1, 0)
  return { part, start: parts[part]?.text.length ?? 0 }
}

/** Puts the parts of a message in the place of what was held. */
export function setParts(content: Content, parts: readonly Part[]): void {
  content.parts.length = 0
  addChunks(
    content,
    parts.map(({ kind, text }, part) => ({ part, start: 0, kind, text })),
  )
}

/** Bytes of text in one delta at the most, so that one reader's backlog does not hold up the others. */
const deltaBytes = 32_000
const scratch = new Uint8Array(deltaBytes)

/** The next thing for a reader at `place`, with the rest of the text merged; null when it holds everything. */
export function stepFrom(content: Content, place: Place): Step | null {
  const { revision } = content
  const { part, offset } = place.revision === revision ? place : { part: 0, offset: 0 }
  const current = content.parts[part]
  if (!current) return null
  const { kind } = current
  if (offset < current.text.length) {
    const text = current.text.sliceBytes(offset, scratch)
    return {
      type: 'delta',
      place: { revision, part, offset: offset + text.length },
      part,
      kind,
      offset,
      text,
    }
  }
  const finished = content.ended || part + 1 < content.parts.length
  if (!finished) return null
  const next = { revision, part: part + 1, offset: 0 }
  return { type: 'part', place: next, part, content: { kind, text: current.text.toString() } }
}
