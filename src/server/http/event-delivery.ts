import { type GraphQLFieldConfigMap, GraphQLObjectType, GraphQLSchema } from 'graphql'
import { createEventWriter, type EventWriter } from './event-writer.ts'
import type { Operation, OperationContext } from './operation.ts'
import { nextTurn } from './result-stream.ts'

type Subscribe = NonNullable<GraphQLFieldConfigMap<unknown, OperationContext>[string]['subscribe']>

/**
 * The same schema, whose subscriptions hand events that need no execution straight to their operation's transport,
 * in order with the others, and tell the operation which event it is at.
 */
export function withDelivery(schema: GraphQLSchema): GraphQLSchema {
  const subscription = schema.getSubscriptionType()
  if (!subscription) return schema
  const config = subscription.toConfig()
  const fields: GraphQLFieldConfigMap<unknown, OperationContext> = Object.fromEntries(
    Object.entries(config.fields).map(([name, field]) => [
      name,
      field.subscribe ? { ...field, subscribe: delivered(field.subscribe) } : field,
    ]),
  )
  const delivering = new GraphQLObjectType({ ...config, fields })
  const schemaConfig = schema.toConfig()
  return new GraphQLSchema({
    ...schemaConfig,
    subscription: delivering,
    types: schemaConfig.types.map((type) => (type === subscription ? delivering : type)),
  })
}

function delivered(subscribe: Subscribe): Subscribe {
  return async (root, args, context, info) => {
    const source: unknown = await subscribe(root, args, context, info)
    return isAsyncIterable(source)
      ? deliver(source, context.operation, createEventWriter(info, context))
      : source
  }
}

/**
 * Events are pulled one by one: whoever asks for the next one has sent the one before. None is sent once the operation
 * is aborted, whatever the source still has.
 */
async function* deliver(
  source: AsyncIterable<unknown>,
  operation: Operation,
  write: EventWriter,
): AsyncGenerator<unknown> {
  for await (const event of source) {
    if (operation.signal.aborted) return
    operation.event = event as object
    const result = operation.send && write(event as object)
    if (result) await (operation.send?.(result) ?? nextTurn())
    else yield event
  }
}

export function isAsyncIterable(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value
}
