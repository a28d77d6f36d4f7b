import { hash } from 'node:crypto'
import type { GenerationId } from '../ids.ts'
import type { Place } from './content.ts'

export type StreamKind = 'conversation' | 'generation' | 'viewer'

/** One stream: which kind, of which entity, in which incarnation of the database. */
export type StreamName = { readonly kind: StreamKind; readonly id: string; readonly incarnation: string }

/** A reader's whole state: the newest durable event that it holds, and how far it has read each run under way. */
export type Position = { readonly seq: number; readonly places: ReadonlyMap<GenerationId, Place> }

/** `foreign`: of another stream. `unknown`: of a database that this one is not. */
export type Decoded =
  | { readonly position: Position }
  | { readonly refused: 'malformed' | 'foreign' | 'unknown' }

const kinds: readonly StreamKind[] = ['conversation', 'generation', 'viewer']

/** The most runs whose places a cursor carries; a reader gets further ones from their beginning again. */
const maxPlaces = 16

/**
 * Writes a cursor: base64url of a version and kind byte, the incarnation (4 bytes), the stream (4), `seq`, and per
 * run its id (not in a generation's own stream) and place, then a check (2). Numbers are LEB128.
 */
export function encodeCursor(stream: StreamName, position: Position): string {
  let at = writeHead(stream)
  at = writeNumber(at, position.seq)
  for (const [id, place] of [...position.places].slice(-maxPlaces)) {
    if (stream.kind === 'conversation') at = writeUuid(at, id)
    for (const number of [place.revision, place.part, place.offset]) at = writeNumber(at, number)
  }
  check(scratch.subarray(0, at)).copy(scratch, at)
  return scratch.toString('base64url', 0, at + 2)
}

/** Where a cursor is put together: large enough for the most places with the largest numbers. */
const scratch = Buffer.alloc(1_024)

function writeHead(stream: StreamName): number {
  scratch[0] = kinds.indexOf(stream.kind) + 1
  scratch.write(stream.incarnation.slice(-8), 1, 'hex')
  scratch.write(stream.id.slice(-8), 5, 'hex')
  return 9
}

/** Reads a cursor as one of `stream`. Never throws: what it was not written by {@link encodeCursor} is malformed. */
export function decodeCursor(stream: StreamName, cursor: string): Decoded {
  const bytes = Buffer.from(cursor, 'base64url')
  const body = bytes.subarray(0, -2)
  const kind = kinds[(body[0] ?? 0) - 1]
  const intact =
    body.length > 9 && bytes.toString('base64url') === cursor && check(body).equals(bytes.subarray(-2))
  if (!kind || !intact) return { refused: 'malformed' }
  const [incarnation, id] = [body.subarray(1, 5), body.subarray(5, 9)]
  const expected = streamTag(stream)
  if (kind !== stream.kind) return { refused: 'foreign' }
  // Before the id: what another database calls this stream says nothing here.
  if (!incarnation.equals(expected.subarray(0, 4))) return { refused: 'unknown' }
  if (!id.equals(expected.subarray(4))) return { refused: 'foreign' }
  const position = readPosition(stream, body.subarray(9))
  return position ? { position } : { refused: 'malformed' }
}

function readPosition(stream: StreamName, bytes: Buffer): Position | null {
  const reader = { bytes, at: 0 }
  const seq = readNumber(reader)
  const places = new Map<GenerationId, Place>()
  while (reader.at < bytes.length) {
    const id = stream.kind === 'conversation' ? readUuid(reader) : stream.id
    const [revision, part, offset] = [readNumber(reader), readNumber(reader), readNumber(reader)]
    places.set(id as GenerationId, { revision, part, offset })
  }
  return reader.at === bytes.length ? { seq, places } : null
}

/** The last bytes of both ids, which are random. */
function streamTag({ incarnation, id }: StreamName): Buffer {
  return Buffer.from(incarnation.slice(-8) + id.slice(-8), 'hex')
}

function check(bytes: Uint8Array): Buffer {
  return hash('sha256', bytes, 'buffer').subarray(0, 2)
}

type Reader = { readonly bytes: Buffer; at: number }

function readUuid(reader: Reader): string {
  const hex = reader.bytes.toString('hex', reader.at, reader.at + 16)
  reader.at += 16
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
}

function writeUuid(at: number, id: string): number {
  return at + scratch.write(id.replaceAll('-', ''), at, 'hex')
}

function writeNumber(at: number, number: number): number {
  let rest = number
  let end = at
  for (; rest >= 128; rest = Math.floor(rest / 128)) scratch[end++] = (rest % 128) | 128
  scratch[end++] = rest
  return end
}

function readNumber(reader: Reader): number {
  let number = 0
  for (let factor = 1; factor < 2 ** 53; factor *= 128) {
    const byte = reader.bytes[reader.at++] ?? 0
    number += (byte & 127) * factor
    if (byte < 128) return number
  }
  // Anybody can make the check right, and a number that is not finite could never be written again: nothing fits here.
  reader.at = Infinity
  return 0
}
