import { listConversations } from '../chat/conversations.ts'
import { encodeCursor } from '../streams/cursor.ts'
import { builder, cost } from './builder.ts'
import { ConversationOrderField, OrderDirection, UserRole } from './enums.ts'
import { pageArgs, toConnection } from './pages.ts'
import { ConversationConnection, UserRef } from './refs.ts'

builder.node(UserRef, {
  description: 'Somebody with an account. A server without accounts has one, and everybody is it.',
  id: { resolve: ({ id }) => id, description: 'Opaque, URL-safe, the same for ever.' },
  fields: (t) => ({
    name: t.exposeString('name', { description: 'Name for people.' }),
    email: t.exposeString('email', { nullable: true, description: 'Null where none is known.' }),
    avatarUrl: t.string({ nullable: true, description: 'A small picture; null: none.', resolve: () => null }),
    role: t.expose('role', { type: UserRole, description: 'What this account may do.' }),
    conversations: t.field({
      type: ConversationConnection,
      description: 'The conversations that this account can see.',
      args: {
        ...pageArgs(t),
        filter: t.arg({
          type: ConversationFilter,
          description: 'Which of them; null: those that are not archived.',
        }),
        orderBy: t.arg({
          type: ConversationOrder,
          defaultValue: { field: 'UPDATED_AT', direction: 'DESC' },
          description: 'In which order.',
        }),
      },
      extensions: cost(1, 'first', 'last'),
      resolve: async (_user, { filter, orderBy, ...args }, { chat, viewer }) =>
        toConnection(
          await listConversations(chat, viewer, {
            ...args,
            filter: filterOf(filter),
            order: orderBy ?? { field: 'UPDATED_AT', direction: 'DESC' },
          }),
        ),
    }),
    eventsCursor: t.field({
      type: 'Cursor',
      description:
        'Watermark of `viewerEvents` consistent with everything else read in this operation: read first, then subscribe with it.',
      resolve: async ({ id }, _args, context) => {
        const position = await context.loaders.viewerPosition.load(id)
        const stream = { kind: 'viewer', id, incarnation: context.chat.streams.incarnation } as const
        return encodeCursor(stream, position ?? { seq: 0, places: new Map() })
      },
    }),
  }),
})

const ConversationFilter = builder.inputType('ConversationFilter', {
  description: 'Which conversations; what is null does not count.',
  fields: (t) => ({
    starred: t.boolean({ description: 'Only those that the viewer has starred, or only the others.' }),
    archived: t.boolean({
      defaultValue: false,
      description: 'Only archived ones, or only the others; null: both.',
    }),
  }),
})

/** Archived ones are left out unless they are asked for. */
function filterOf(
  filter: { starred?: boolean | null | undefined; archived?: boolean | null | undefined } | null | undefined,
) {
  return { starred: filter?.starred ?? null, archived: filter ? (filter.archived ?? null) : false }
}

const ConversationOrder = builder.inputType('ConversationOrder', {
  description: 'The order of conversations.',
  fields: (t) => ({
    field: t.field({
      type: ConversationOrderField,
      required: true,
      description: 'What they are compared by.',
    }),
    direction: t.field({ type: OrderDirection, required: true, description: 'Which end comes first.' }),
  }),
})

builder.queryField('viewer', (t) =>
  t.field({
    type: UserRef,
    nullable: true,
    description: 'The account that this operation acts for.',
    resolve: (_root, _args, { loaders, viewer }) => loaders.viewer.load(viewer.id),
  }),
)
