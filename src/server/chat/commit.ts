import { createHash } from 'node:crypto'
import { sql } from 'kysely'
import type { Viewer } from '../auth/viewer.ts'
import { type Tx, transaction } from '../db/connect.ts'
import { ChatError } from '../errors.ts'
import type { GenerationId, ViewerId } from '../ids.ts'
import type { Prices } from '../llm/prices.ts'
import { canonicalJson, type Json } from './canonical-json.ts'
import { type Cause, Changes } from './changes.ts'
import type { Chat, Run } from './chat.ts'
import { requireStorable } from './text.ts'

/** A transaction, and what has to happen at its end and once it is committed. */
export type Unit = {
  readonly tx: Tx
  readonly changes: Changes
  /** Runs that room was taken for. */
  readonly reserved: Set<GenerationId>
  readonly started: Set<Run>
  /** Runs that wait for whichever process has room. */
  readonly queued: Set<GenerationId>
  readonly ended: Set<GenerationId>
  /** What `provider:name` costs at this moment; null: unknown. */
  readonly pricesOf: (model: string) => Prices | null
}

/** Runs `work` in one transaction; only after its commit are readers woken and runs started or stopped. */
export async function commit<T>(
  chat: Chat,
  work: (unit: Unit) => Promise<T>,
  cause: Cause | null = null,
): Promise<T> {
  const reserved = new Set<GenerationId>()
  const giveRoomBack = () => {
    for (const id of reserved) chat.runner.release(id)
    reserved.clear()
  }
  const { unit, result, topics } = await transaction(chat.db, async (tx) => {
    // Of an attempt that the database gave up on.
    giveRoomBack()
    const unit = newUnit(chat, tx, reserved)
    const result = await work(unit)
    return { unit, result, topics: await unit.changes.write(tx, cause) }
  }).catch((error: unknown) => {
    giveRoomBack()
    throw error
  })
  // Before anybody is woken: what a model waits for comes before what readers look at.
  for (const run of unit.started) chat.runner.start(run)
  for (const id of unit.ended) {
    chat.streams.contents.disown(id)
    chat.runner.stop(id)
  }
  const runs = [...unit.ended].map((id) => `run:${id}` as const)
  chat.streams.wakeUps.wake([...topics, ...runs, ...(unit.queued.size > 0 ? (['queue'] as const) : [])])
  return result
}

function newUnit({ models }: Chat, tx: Tx, reserved: Set<GenerationId>): Unit {
  const changes = new Changes()
  const pricesOf = (model: string) => models.find(model)?.prices ?? null
  return { tx, changes, reserved, started: new Set(), queued: new Set(), ended: new Set(), pricesOf }
}

/** A transaction on behalf of a viewer. */
export type Mutation = Unit & { readonly viewer: Viewer }

/** Ids of what a mutation made or changed: its payload is read again by them. */
export type EntityIds = Readonly<Record<string, string>>

/** Shorter ones are only echoed. */
const shortestKey = 16
const longestKey = 255

/**
 * Runs a mutation exactly once per viewer, mutation and `clientMutationId` of 16 characters or more, for 24 hours.
 * A repetition waits for the first call and returns its entities; one with another input throws ChatError
 * IDEMPOTENCY_MISMATCH. A call that failed leaves nothing behind and can be repeated.
 */
export async function mutate<Ids extends EntityIds>(
  chat: Chat,
  viewer: Viewer,
  name: string,
  input: { readonly clientMutationId: string | null } & { readonly [key: string]: Json | undefined },
  work: (mutation: Mutation) => Promise<Ids>,
): Promise<Ids> {
  const { clientMutationId: key, ...rest } = input
  if (key !== null) requireStorable(key, 'clientMutationId', longestKey)
  const cause = { viewer, clientMutationId: key }
  return commit(chat, (unit) => once(unit, viewer, name, key, rest, work), cause)
}

async function once<Ids extends EntityIds>(
  unit: Unit,
  viewer: Viewer,
  name: string,
  key: string | null,
  input: Json,
  work: (mutation: Mutation) => Promise<Ids>,
): Promise<Ids> {
  const mutation = { ...unit, viewer }
  if (key === null || key.length < shortestKey) return work(mutation)
  const inputHash = createHash('sha256')
    .update(canonicalJson(withoutNulls(input)))
    .digest('hex')
  const call = { viewer_id: viewer.id, mutation: name, key, input_hash: inputHash }
  if (!(await insertFirst(unit.tx, call))) return (await repeated(unit.tx, call)) as Ids
  const ids = await work(mutation)
  unit.changes.addStatement(calls(unit.tx, call).set({ result: JSON.stringify(ids) }))
  return ids
}

type Call = { viewer_id: ViewerId; mutation: string; key: string; input_hash: string }

/** Inserted first, so that a concurrent repetition waits here for the commit. False: it was called before. */
async function insertFirst(tx: Tx, call: Call): Promise<boolean> {
  const inserted = await tx
    .insertInto('idempotency')
    .values(call)
    .onConflict((conflict) =>
      conflict
        .columns(['viewer_id', 'mutation', 'key'])
        .doUpdateSet({ input_hash: call.input_hash, result: null, created_at: sql`clock_timestamp()` })
        .where(sql<boolean>`idempotency.created_at < clock_timestamp() - interval '24 hours'`),
    )
    .returning('key')
    .executeTakeFirst()
  return inserted !== undefined
}

async function repeated(tx: Tx, call: Call): Promise<EntityIds> {
  const stored = await tx
    .selectFrom('idempotency')
    .select(['input_hash', 'result'])
    .where('viewer_id', '=', call.viewer_id)
    .where('mutation', '=', call.mutation)
    .where('key', '=', call.key)
    .executeTakeFirstOrThrow()
  if (stored.input_hash !== call.input_hash) {
    const message = `Cannot repeat ${call.mutation}: this clientMutationId was used with another input`
    throw new ChatError('IDEMPOTENCY_MISMATCH', message, ['clientMutationId'])
  }
  return stored.result ?? {}
}

function calls(tx: Tx, call: Call) {
  return tx
    .updateTable('idempotency')
    .where('viewer_id', '=', call.viewer_id)
    .where('mutation', '=', call.mutation)
    .where('key', '=', call.key)
}

/** Null and left out mean the same, so a field that a newer version adds does not make another input of a repeated call. */
function withoutNulls(value: Json): Json {
  if (value === null || typeof value !== 'object') return value
  if (Array.isArray(value)) return value.map(withoutNulls)
  const members = Object.entries(value).filter(([, member]) => member !== null && member !== undefined)
  return Object.fromEntries(members.map(([name, member]) => [name, withoutNulls(member as Json)]))
}
