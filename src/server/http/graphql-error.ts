import { GraphQLError, type GraphQLErrorExtensions } from 'graphql'
import { RequestError } from '../errors.ts'

/** The same place in the document and in the result, with other things said about it. Errors can be shared: never changed. */
export function relabel(
  error: GraphQLError | null,
  extensions: GraphQLErrorExtensions,
  message: string = error?.message ?? '',
): GraphQLError {
  if (!error) return new GraphQLError(message, { extensions })
  const { nodes, source, positions, path } = error
  return new GraphQLError(message, {
    nodes: nodes ?? null,
    source: source ?? null,
    positions: positions ?? null,
    path: path ?? null,
    extensions,
  })
}

/** Whatever was thrown as an entry of `errors`, with its cause. */
export function toGraphQLError(error: unknown): GraphQLError {
  if (error instanceof GraphQLError) return error
  const originalError = error instanceof Error ? error : new Error(String(error))
  const extensions = originalError instanceof RequestError ? { code: originalError.code } : {}
  return new GraphQLError(originalError.message, { originalError, extensions })
}
