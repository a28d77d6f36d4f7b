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

/** UTF-16 units looked at for each character: a family with its skin colours has 19, any accent may come on top. */
const unitsPerCharacter = 32
const segmenter = new Intl.Segmenter()

/**
 * The first `count` characters, never half of one as a reader sees them. Fewer, where they are longer than any
 * script makes them.
 */
export function beginningOf(text: string, count: number): string {
  if (text.length <= count) return text
  const beginning = text.slice(0, count * unitsPerCharacter)
  let taken = 0
  let last = 0
  for (const { index } of segmenter.segment(beginning)) {
    if (taken++ === count) return text.slice(0, index)
    last = index
  }
  // The last one may go on behind what was looked at.
  return beginning === text ? text : text.slice(0, last || count).toWellFormed()
}

/** Tokens that a text roughly is, for where no provider counted them. */
export function estimateTokens(text: string): number {
  return Math.ceil(Math.max(text.length / 4, Buffer.byteLength(text) / 5))
}

/** What a caller sent, as an error repeats it: in quotes, and not at any length. */
export function quoted(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 79)}…` : text)
}
