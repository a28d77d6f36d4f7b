import SchemaBuilder from '@pothos/core'
import RelayPlugin from '@pothos/plugin-relay'
import { toGlobalId } from '../ids.ts'
import type { FieldCost } from '../limits/operation-cost.ts'
import type { GraphContext } from './context.ts'

/** A reader's position, opaque to it. */
type Scalars = {
  ID: { Input: string; Output: string }
  DateTime: { Input: Date; Output: Date }
  Cursor: { Input: string; Output: string }
  Decimal: { Input: string; Output: string }
}

type SchemaTypes = {
  Context: GraphContext
  Scalars: Scalars
  Connection: { totalCount: () => Promise<number> }
  DefaultFieldNullability: false
  DefaultInputFieldRequiredness: false
  DefaultEdgesNullability: false
  DefaultNodeNullability: false
}

export const builder = new SchemaBuilder<SchemaTypes>({
  plugins: [RelayPlugin],
  defaultFieldNullability: false,
  relay: {
    encodeGlobalID: (type, key) => toGlobalId(type, String(key)),
    cursorType: 'String',
    nodesOnConnection: { description: 'The items of this page, for clients that need no cursor of each.' },
    nodeQueryOptions: false,
    nodesQueryOptions: false,
    nodeTypeOptions: { description: 'Something with an id that never changes.' },
    idFieldOptions: { description: 'Opaque, URL-safe, the same for ever.' },
    edgesFieldOptions: { nullable: false, description: 'The items of this page, each with its cursor.' },
    nodeFieldOptions: { nullable: false, description: 'The item itself.' },
    cursorFieldOptions: { description: 'Where this item is in the list; for `after` and `before`.' },
    pageInfoFieldOptions: { description: 'What lies before and after this page.' },
    pageInfoTypeOptions: { description: 'What lies before and after a page of a list.' },
    hasNextPageFieldOptions: { description: 'Whether items follow this page.' },
    hasPreviousPageFieldOptions: { description: 'Whether items come before this page.' },
    startCursorFieldOptions: { description: 'Cursor of the first item of this page; null for an empty one.' },
    endCursorFieldOptions: { description: 'Cursor of the last item of this page; null for an empty one.' },
  },
})

builder.globalConnectionField('totalCount', (t) =>
  t.int({
    nullable: true,
    description: 'Number of items in the whole list. Counted only when it is selected.',
    resolve: (page) => page.totalCount(),
  }),
)

/** What a field costs where it is more than one object; see the limits. */
export function cost(weight: number, ...multipliers: string[]): { cost: FieldCost } {
  return { cost: { weight, multipliers } }
}

builder.queryType({
  description: 'Reads. Everything that an operation reads is at least as new as its `eventsCursor`s.',
})
builder.mutationType({
  description:
    'Writes. Each takes one `input` and returns what it changed, read again, or typed `userErrors`. With a `clientMutationId` of 16 characters or more a call can be repeated safely for 24 hours.',
})
builder.subscriptionType({
  description:
    'Streams of events that can be resumed: over WebSocket (graphql-transport-ws) and over server-sent events alike. See schema/STREAMING.md.',
})
