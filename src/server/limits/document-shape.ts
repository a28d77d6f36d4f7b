import { type DocumentNode, type FieldNode, visit } from 'graphql'
import { RequestError } from '../errors.ts'
import type { Limits } from './limits.ts'

/**
 * Refuses a document that is built to be expensive, before anything is resolved against the schema: aliases (of
 * `__typename` too) and directives on one node. Tokens are the parser's own limit.
 *
 * @throws RequestError COST_LIMIT
 */
export function requireSimpleShape(
  document: DocumentNode,
  limits: Pick<Limits, 'aliases' | 'directives'>,
): void {
  let aliases = 0
  visit(document, {
    enter(node) {
      if (node.kind === 'Field') aliases += aliasesOf(node)
      if (aliases > limits.aliases) throw tooMany('aliases', limits.aliases)
      if ('directives' in node && (node.directives?.length ?? 0) > limits.directives) {
        throw tooMany('directives on one node', limits.directives)
      }
    },
  })
}

function aliasesOf(field: FieldNode): number {
  return field.alias ? 1 : 0
}

function tooMany(what: string, limit: number): RequestError {
  return new RequestError('COST_LIMIT', `Too many ${what}: at most ${limit} are taken`)
}
