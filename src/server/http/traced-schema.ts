import { type GraphQLFieldConfigMap, GraphQLObjectType, GraphQLSchema } from 'graphql'
import type { Operation, OperationContext } from './operation.ts'

type Subscribe = NonNullable<GraphQLFieldConfigMap<unknown, OperationContext>[string]['subscribe']>

/**
 * The same schema, whose subscriptions tell the operation the cursor of each event that they give: the `id:` of an
 * SSE event, known also when the client does not select it. Results are pulled one by one, so it is the cursor of
 * the result that comes out next.
 */
export function traceSubscriptions(schema: GraphQLSchema): GraphQLSchema {
  const subscription = schema.getSubscriptionType()
  if (!subscription) return schema
  const config = subscription.toConfig()
  const fields: GraphQLFieldConfigMap<unknown, OperationContext> = Object.fromEntries(
    Object.entries(config.fields).map(([name, field]) => [
      name,
      field.subscribe ? { ...field, subscribe: traced(field.subscribe) } : field,
    ]),
  )
  const traceable = new GraphQLObjectType({ ...config, fields })
  const schemaConfig = schema.toConfig()
  return new GraphQLSchema({
    ...schemaConfig,
    subscription: traceable,
    types: schemaConfig.types.map((type) => (type === subscription ? traceable : type)),
  })
}

function traced(subscribe: Subscribe): Subscribe {
  return async (root, args, context, info) => {
    const source: unknown = await subscribe(root, args, context, info)
    return isAsyncIterable(source) ? trace(source, context.operation) : source
  }
}

async function* trace(source: AsyncIterable<unknown>, operation: Operation): AsyncGenerator<unknown> {
  for await (const event of source) {
    operation.cursor = cursorOf(event)
    yield event
  }
}

function cursorOf(event: unknown): string | null {
  const cursor = typeof event === 'object' && event && 'cursor' in event ? event.cursor : null
  return typeof cursor === 'string' ? cursor : null
}

export function isAsyncIterable(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value
}
