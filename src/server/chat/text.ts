import { ChatError } from '../errors.ts'

/**
 * Refuses text that the database or a model could not hold as it is: NUL, half a surrogate pair, or more than
 * `limit` UTF-16 units. Throws ChatError INVALID at `path`.
 */
export function requireStorable(text: string, path: string, limit: number): string {
  if (text.length > limit) {
    throw invalid(path, `too long: ${text.length} UTF-16 units, at most ${limit} are taken`)
  }
  if (text.includes('\0')) throw invalid(path, 'contains a NUL character (U+0000)')
  if (!text.isWellFormed()) throw invalid(path, 'contains half of a surrogate pair')
  return text
}

/** The same, and refuses text of only white space. */
export function requireText(text: string, path: string, limit: number): string {
  if (text.trim() === '') throw invalid(path, 'is empty or only white space')
  return requireStorable(text, path, limit)
}

function invalid(path: string, problem: string): ChatError {
  return new ChatError('INVALID', `Cannot take ${path}: ${problem}`, [path])
}

/** The first `count` characters, never half of one as a reader sees them. */
export function beginningOf(text: string, count: number): string {
  const graphemes = new Intl.Segmenter().segment(text.slice(0, count * 16))
  let end = 0
  let taken = 0
  for (const { segment } of graphemes) {
    if (taken++ === count) break
    end += segment.length
  }
  return text.slice(0, end)
}

/** Tokens that a text roughly is, for where no provider counted them. */
export function estimateTokens(text: string): number {
  return Math.ceil(Math.max(text.length / 4, Buffer.byteLength(text) / 5))
}
