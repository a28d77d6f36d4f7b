/** What a client that follows the contract holds of one message: the reference fold, in the words of the contract. */
export type Held = {
  readonly revisions: readonly number[]
  readonly texts: readonly string[]
  readonly cursor: string | null
}

export const nothingHeld: Held = { revisions: [], texts: [], cursor: null }

export type StreamedEvent = {
  readonly __typename: string
  readonly cursor: string
  readonly seq: number
  readonly revision?: number
  readonly partIndex?: number
  readonly offset?: number
  readonly text?: string
} & Readonly<Record<string, unknown>>

/** Applies one event. Throws where the contract tells a client to subscribe again: then text is missing. */
export function fold(held: Held, event: StreamedEvent): Held {
  const { cursor } = event
  if (event.__typename !== 'PartDelta') return { ...held, cursor }
  const { revision = 0, partIndex = 0, offset = 0, text = '' } = event
  const known = held.revisions[partIndex] ?? 0
  if (revision < known) return { ...held, cursor }
  const current = held.texts[partIndex] ?? ''
  if (offset > current.length) throw new Error(`Missing text: ${current.length} held, written at ${offset}`)
  const end = offset + text.length
  const tail = revision === known ? current.slice(end) : ''
  const texts = [...held.texts]
  texts[partIndex] = current.slice(0, offset) + text + tail
  const revisions = [...held.revisions]
  revisions[partIndex] = revision
  return { revisions, texts, cursor }
}
