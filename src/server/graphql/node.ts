import { brandWithType } from '@pothos/core'
import { RequestError } from '../errors.ts'
import {
  type ConversationId,
  fromGlobalId,
  type GenerationId,
  isUuid,
  type MessageId,
  type ViewerId,
} from '../ids.ts'
import { builder, cost } from './builder.ts'
import type { GraphContext } from './context.ts'
import { modelOf } from './model.ts'

type Find = (context: GraphContext, key: string) => object | null | Promise<object | null>

/** How each type is found by the key in its global id. What the viewer may not see is not found. */
const finders = new Map<string, Find>([
  ['Conversation', ({ loaders }, key) => loaders.conversation.load(key as ConversationId)],
  ['Message', ({ loaders }, key) => loaders.message.load(key as MessageId)],
  ['Generation', ({ loaders }, key) => loaders.generation.load(key as GenerationId)],
  ['User', ({ loaders }, key) => loaders.viewer.load(key as ViewerId)],
  ['Model', (context, key) => (context.chat.models.find(key) ? modelOf(context, key) : null)],
  ['Provider', ({ chat }, key) => (chat.models.providers().includes(key) ? { name: key } : null)],
])

const named = new Set(['Model', 'Provider'])

async function findNode(context: GraphContext, globalId: string): Promise<object | null> {
  const id = fromGlobalId(globalId)
  if (!id || !(named.has(id.type) || isUuid(id.key))) return null
  const node = (await finders.get(id.type)?.(context, id.key)) ?? null
  if (node) brandWithType(node, id.type as never)
  return node
}

builder.queryField('node', (t) =>
  t.field({
    type: builder.nodeInterfaceRef(),
    nullable: true,
    description: 'Whatever has this id; null when the viewer may not see anything by it.',
    args: { id: t.arg.id({ required: true, description: 'Its id.' }) },
    resolve: (_root, { id }, context) => findNode(context, id),
  }),
)

const mostIds = 100

builder.queryField('nodes', (t) =>
  t.field({
    type: [builder.nodeInterfaceRef()],
    nullable: { list: false, items: true },
    description:
      'Whatever has these ids, in their order; null for each that the viewer may not see anything by.',
    args: { ids: t.arg.idList({ required: true, description: 'At most 100 ids.' }) },
    extensions: cost(1, 'ids'),
    resolve: (_root, { ids }, context) => {
      if (ids.length > mostIds) {
        throw new RequestError('BAD_USER_INPUT', `\`ids\` takes at most ${mostIds} ids, not ${ids.length}`)
      }
      return Promise.all(ids.map((id) => findNode(context, id)))
    },
  }),
)
