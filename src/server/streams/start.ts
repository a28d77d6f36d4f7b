import { RequestError } from '../errors.ts'
import { decodeCursor, type Position, type StreamName } from './cursor.ts'
import type { ResyncReason } from './items.ts'

/** Where a reader starts, and what it has to be told first. */
export type Start = { readonly from: Position; readonly resync: ResyncReason | null }

/** What a stream can serve: the events after `dropped`, up to `last`. */
export type Extent = { readonly last: number; readonly dropped: number }

/**
 * Where a reader that holds `after` goes on. A cursor that is well-formed and can't be served is answered with a
 * resync from `fallback`, where readers without a cursor start. Throws RequestError BAD_USER_INPUT for one that is
 * malformed or of another stream.
 */
export function startOf(stream: StreamName, after: string | null, extent: Extent, fallback: Position): Start {
  if (after === null) return { from: fallback, resync: null }
  const decoded = decodeCursor(stream, after)
  if ('position' in decoded) {
    const { position } = decoded
    if (position.seq > extent.last) return { from: fallback, resync: 'CURSOR_UNKNOWN' }
    if (position.seq < extent.dropped) return { from: fallback, resync: 'CURSOR_EXPIRED' }
    return { from: position, resync: null }
  }
  if (decoded.refused === 'unknown') return { from: fallback, resync: 'CURSOR_UNKNOWN' }
  const problem = decoded.refused === 'foreign' ? 'belongs to another stream' : 'is not a cursor'
  throw new RequestError('BAD_USER_INPUT', `Cannot resume: \`after\` ${problem}`)
}
