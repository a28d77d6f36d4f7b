import type { ProviderEvent } from './provider.ts'

type ContentEvent = Extract<ProviderEvent, { text: string }>

/**
 * Makes the text of one answer storable, whatever its provider: NUL and lone surrogates become U+FFFD, and half of a
 * pair that two deltas share is held back until the other half comes, its block ends, or the answer does.
 *
 * Returns a function that takes the events of one answer in order and gives those that are to take their place.
 */
export function cleanText(): (event: ProviderEvent) => readonly ProviderEvent[] {
  /** The delta whose text is the half that is held back. */
  let held: ContentEvent | null = null

  const release = (): readonly ProviderEvent[] => {
    const lone = held
    held = null
    return lone ? [{ ...lone, text: '\uFFFD' }] : []
  }

  const cleanContent = (event: ContentEvent): readonly ProviderEvent[] => {
    const released = held && !isSameBlock(held, event) ? release() : []
    const text = (held?.text ?? '') + event.text
    const splits = endsInHalfAPair(text)
    held = splits ? { ...event, text: text.slice(-1) } : null
    const whole = storable(splits ? text.slice(0, -1) : text)
    return whole === '' ? released : [...released, whole === event.text ? event : { ...event, text: whole }]
  }

  return (event) => {
    if (event.type === 'finish') return [...release(), event]
    return event.type === 'text' || event.type === 'reasoning' ? cleanContent(event) : [event]
  }
}

function isSameBlock(one: ContentEvent, other: ContentEvent): boolean {
  return one.type === other.type && one.block === other.block
}

function endsInHalfAPair(text: string): boolean {
  const last = text.charCodeAt(text.length - 1)
  return last >= 0xd800 && last <= 0xdbff
}

function storable(text: string): string {
  return text.toWellFormed().replaceAll('\0', '\uFFFD')
}
