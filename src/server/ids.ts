import { randomUUID } from 'node:crypto'

declare const brand: unique symbol
type Brand<Name extends string> = string & { readonly [brand]: Name }

export type ViewerId = Brand<'Viewer'>
export type ConversationId = Brand<'Conversation'>
export type MessageId = Brand<'Message'>
export type GenerationId = Brand<'Generation'>
export type ProcessId = Brand<'Process'>

let lastTime = 0
let counter = 0

/**
 * A UUIDv7 (RFC 9562, section 5.7) as lower-case text. Ids made by one process sort in the order in which they
 * were made: `rand_a` is a counter within one millisecond (method 1 of section 6.2).
 */
export function newId<Id extends string>(): Id {
  const now = Date.now()
  counter = now > lastTime ? 0 : counter + 1
  if (counter > 0xfff) counter = 0
  lastTime = counter === 0 ? Math.max(now, lastTime + 1) : lastTime
  const [time, count] = [lastTime.toString(16).padStart(12, '0'), counter.toString(16).padStart(3, '0')]
  // What is random at the end of a version 4, variant and all, is so here; Node draws it from a pool.
  return `${time.slice(0, 8)}-${time.slice(8)}-7${count}${randomUUID().slice(18)}` as Id
}

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/

/** Whether `text` is a UUID as {@link newId} writes them. */
export function isUuid(text: string): boolean {
  return uuid.test(text)
}

/** The opaque, URL-safe id that clients see: base64url of `Type:key`. */
export function toGlobalId(type: string, key: string): string {
  return Buffer.from(`${type}:${key}`).toString('base64url')
}

/** What {@link toGlobalId} packed, or null for anything that it would not have written. */
export function fromGlobalId(globalId: string): { type: string; key: string } | null {
  const text = Buffer.from(globalId, 'base64url').toString()
  const match = /^([A-Za-z]+):(.+)$/s.exec(text)
  if (!match || toGlobalId(match[1]!, match[2]!) !== globalId) return null
  return { type: match[1]!, key: match[2]! }
}
