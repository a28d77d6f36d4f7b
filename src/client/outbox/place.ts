import { newKey } from './key.ts'

/**
 * Where something is said: the id of a conversation, or a name that this browser gave to one that does not exist yet.
 * It names the draft, the queue and the address of both.
 */
export type Place = string

const prefix = 'new-'

export function newPlace(): Place {
  return prefix + newKey()
}

/** Whether the conversation does not exist yet. */
export function isNewPlace(place: Place): boolean {
  return place.startsWith(prefix)
}
