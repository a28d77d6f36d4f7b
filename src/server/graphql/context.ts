import type { GraphQLResolveInfo, SelectionSetNode } from 'graphql'
import type { Viewer } from '../auth/viewer.ts'
import type { Chat } from '../chat/chat.ts'
import { untilAvailable } from '../db/available.ts'
import { readWatermark, type Watermark } from '../streams/watermark.ts'
import { type Ask, createLoaders, type Loaders } from './loaders.ts'

/** What the edge knows of an operation. */
export type OperationFacts = {
  readonly viewer: Viewer
  /** Where a reader over SSE says that it was; counts more than `after`. */
  readonly lastEventId: string | null
  /** Aborts when nobody waits for the operation any more. */
  readonly signal: AbortSignal
}

/** What the server says of itself. */
export type About = { readonly version: string; readonly features: readonly string[] }

/** Rows that one read has seen, and a moment that is older than all of them. */
type Read = {
  readonly loaders: Loaders
  /** What `eventsCursor` is made of. */
  readonly watermark: () => Promise<Watermark>
  /** How many messages its lists without a page size have given. */
  readonly relatives: number
}

/** What the resolvers of one operation share. A plain object: Yoga copies its members. */
export type GraphContext = OperationFacts & {
  readonly chat: Chat
  readonly about: About
  /** Of a query, whose root fields run side by side and read as one. */
  begun: Promise<void> | null
} & { -readonly [Name in keyof Read]: Read[Name] }

export function createContext(chat: Chat, about: About, facts: OperationFacts): GraphContext {
  return { ...facts, chat, about, begun: null, ...createRead(chat, facts.viewer, (work) => work()) }
}

function createRead(chat: Chat, viewer: Viewer, ask: Ask): Read {
  let taken: Promise<Watermark> | null = null
  const watermark = () => {
    taken ??= ask(() => readWatermark(chat.db))
    return taken
  }
  return { watermark, relatives: 0, loaders: createLoaders({ chat, viewer, watermark, ask }) }
}

/**
 * Begins a read: nothing that was loaded before counts, and where the operation selects `eventsCursor`, its
 * watermark is read before any row is. An event waits for a database that is away: a stream goes on behind it.
 */
export async function beginRead(context: GraphContext, info: GraphQLResolveInfo): Promise<void> {
  const isEvent = info.operation.operation === 'subscription'
  const ask: Ask = (work) => (isEvent ? untilAvailable(work, context.signal) : work())
  Object.assign(context, createRead(context.chat, context.viewer, ask))
  if (selects(info, 'eventsCursor')) await context.watermark()
}

/** The same, once for all root fields of a query. */
export function beginQuery(context: GraphContext, info: GraphQLResolveInfo): Promise<void> {
  context.begun ??= beginRead(context, info)
  return context.begun
}

/** By operation. */
const selected = new WeakMap<GraphQLResolveInfo['operation'], ReadonlySet<string>>()

/** Whether an operation selects a field of this name anywhere; fragments count even where they do not apply. */
export function selects({ operation, fragments }: GraphQLResolveInfo, field: string): boolean {
  const known = selected.get(operation)
  if (known) return known.has(field)
  const sets = [operation, ...Object.values(fragments)].map(({ selectionSet }) => selectionSet)
  const names = new Set(sets.flatMap((set) => [...namesIn(set)]))
  selected.set(operation, names)
  return names.has(field)
}

function* namesIn(set: SelectionSetNode): Generator<string> {
  for (const selection of set.selections) {
    if (selection.kind === 'Field') yield selection.name.value
    if (selection.kind !== 'FragmentSpread' && selection.selectionSet) yield* namesIn(selection.selectionSet)
  }
}
