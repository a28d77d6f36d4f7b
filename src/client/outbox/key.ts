const page = randomHex(8)

/** A key that no other action has, long enough for the server to keep it for a day. */
export function newKey(): string {
  return `${page}-${randomHex(12)}`
}

/** Whether an event's `clientMutationId` says that this very page caused it. */
export function isOwnKey(key: string | null | undefined): boolean {
  return key?.startsWith(page) ?? false
}

/** `crypto.randomUUID` is missing on a page that is served over plain HTTP. */
function randomHex(bytes: number): string {
  const random = crypto.getRandomValues(new Uint8Array(bytes))
  return Array.from(random, (byte) => byte.toString(16).padStart(2, '0')).join('')
}
