import { createHash } from 'node:crypto'
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
  const bytes = [kinds.indexOf(stream.kind) + 1, ...streamTag(stream)]
  pushNumber(bytes, position.seq)
  for (const [id, place] of [...position.places].slice(-maxPlaces)) {
    if (stream.kind === 'conversation') bytes.push(...uuidBytes(id))
    for (const number of [place.revision, place.part, place.offset]) pushNumber(bytes, number)
  }
  return Buffer.from([...bytes, ...check(bytes)]).toString('base64url')
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

function streamTag({ incarnation, id }: StreamName): Buffer {
  return Buffer.concat([uuidBytes(incarnation).subarray(12), uuidBytes(id).subarray(12)])
}

function uuidBytes(id: string): Buffer {
  return Buffer.from(id.replaceAll('-', ''), 'hex')
}

function check(bytes: Iterable<number>): Buffer {
  return createHash('sha256').update(Uint8Array.from(bytes)).digest().subarray(0, 2)
}

type Reader = { readonly bytes: Buffer; at: number }

function readUuid(reader: Reader): string {
  const hex = reader.bytes.toString('hex', reader.at, reader.at + 16)
  reader.at += 16
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
}

function pushNumber(bytes: number[], number: number): void {
  for (let rest = number; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return void bytes.push(rest)
    bytes.push((rest % 128) | 128)
  }
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
