import {
  defaultFieldResolver,
  type GraphQLObjectType,
  type GraphQLResolveInfo,
  type GraphQLSchema,
} from 'graphql'
import './scalars.ts'
import './node.ts'
import './viewer.ts'
import './conversation.ts'
import './message.ts'
import './generation.ts'
import './model.ts'
import './server-info.ts'
import './subscriptions.ts'
import { builder } from './builder.ts'
import { beginQuery, beginRead, type GraphContext } from './context.ts'

/** The schema that clients see; schema/schema.graphql is printed from it. */
export const schema: GraphQLSchema = builder.toSchema()

beginReads(schema.getQueryType(), beginQuery)
beginReads(schema.getMutationType(), beginRead)

/** Lets every root field wait until its read has begun: before that, no row may be looked at. */
function beginReads(
  type: GraphQLObjectType | null | undefined,
  begin: (context: GraphContext, info: GraphQLResolveInfo) => Promise<void>,
): void {
  for (const field of Object.values(type?.getFields() ?? {})) {
    const { resolve = defaultFieldResolver } = field
    field.resolve = async (root, args, context: GraphContext, info) => {
      await begin(context, info)
      return resolve(root, args, context, info)
    }
  }
}
