/** What a client that follows the contract holds of one message: the reference fold, in the words of the contract. */
export type Held = {
  readonly revision: number
  readonly texts: readonly string[]
  readonly cursor: string | null
}

export const nothingHeld: Held = { revision: 0, texts: [], cursor: null }

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
  if (revision < held.revision) return { ...held, cursor }
  const current = held.texts[partIndex] ?? ''
  if (offset > current.length) throw new Error(`Missing text: ${current.length} held, written at ${offset}`)
  const end = offset + text.length
  const tail = revision === held.revision ? current.slice(end) : ''
  const texts = [...held.texts]
  texts[partIndex] = current.slice(0, offset) + text + tail
  return { revision, texts, cursor }
}
