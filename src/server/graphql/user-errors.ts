import type { EntityIds } from '../chat/commit.ts'
import { HeadConflictError } from '../chat/heads.ts'
import { ChatError, type UserErrorCode as Code } from '../errors.ts'
import type { MessageId } from '../ids.ts'
import { builder } from './builder.ts'
import type { GraphContext } from './context.ts'
import { UserErrorCode } from './enums.ts'
import { MessageRef } from './refs.ts'

/** A ChatError as data: an executor would take an Error among the results for one of its own. */
type Failure = { readonly code: Code; readonly message: string; readonly path: readonly string[] | null }
type HeadConflict = Failure & { readonly head: MessageId | null }

function toFailure(error: ChatError): Failure | HeadConflict {
  const { code, message, path } = error
  return error instanceof HeadConflictError
    ? { code, message, path, head: error.head }
    : { code, message, path }
}

export const UserError = builder.interfaceRef<Failure>('UserError').implement({
  description:
    'A failure that the caller can act on. More types may come: every one can be handled through this interface.',
  resolveType: (error) => ('head' in error ? 'HeadConflictError' : 'BasicError'),
  fields: (t) => ({
    code: t.expose('code', { type: UserErrorCode, description: 'Stable, for programs.' }),
    message: t.exposeString('message', { description: 'One sentence, for people; may change.' }),
    path: t.stringList({
      nullable: true,
      description: 'The field of `input` that it is about, from the outside in; null: none in particular.',
      resolve: (error) => error.path && [...error.path],
    }),
  }),
})

builder.objectRef<Failure>('BasicError').implement({
  interfaces: [UserError],
  description: 'A failure that its code says everything about.',
})

builder.objectRef<HeadConflict>('HeadConflictError').implement({
  interfaces: [UserError],
  description: 'The head was moved by somebody else first.',
  fields: (t) => ({
    head: t.field({
      type: MessageRef,
      nullable: true,
      description: 'Where the head is.',
      resolve: ({ head }, _args, { loaders }) => head && loaders.message.load(head),
    }),
  }),
})

/** What every payload is made of: ids of what the mutation changed, or why it did nothing. */
export type Outcome = {
  readonly clientMutationId: string | null
  readonly ids: EntityIds
  readonly userErrors: readonly Failure[]
}

/** Runs a mutation; a failure that the caller can act on becomes data. */
export async function outcomeOf(
  input: { clientMutationId?: string | null | undefined },
  run: () => Promise<EntityIds>,
): Promise<Outcome> {
  const clientMutationId = input.clientMutationId ?? null
  try {
    return { clientMutationId, ids: await run(), userErrors: [] }
  } catch (error) {
    if (error instanceof ChatError) return { clientMutationId, ids: {}, userErrors: [toFailure(error)] }
    throw error
  }
}

type Entity<Row> = (context: GraphContext, id: string) => Promise<Row | null>

/** Loads an entity of a payload by the id that the mutation gave for it; null when it failed. */
export function entity<Row>(name: string, load: Entity<Row>) {
  return ({ ids }: Outcome, _args: object, context: GraphContext) => {
    const id = ids[name]
    return id === undefined ? null : load(context, id)
  }
}

/** A payload type's reference with the two fields that all of them have. */
export function payloadRef(name: string, description: string) {
  const ref = builder.objectRef<Outcome>(name).implement({ description })
  builder.objectFields(ref, (t) => ({
    clientMutationId: t.exposeString('clientMutationId', { nullable: true, description: 'As it was sent.' }),
    userErrors: t.field({
      type: [UserError],
      description: 'Why nothing was done; empty when it was.',
      resolve: ({ userErrors }) => [...userErrors],
    }),
  }))
  return ref
}

/** What `clientMutationId` is for, on every input. */
export const clientMutationId =
  'Echoed in payload and events; with 16 characters or more also an idempotency key for 24 hours.'
