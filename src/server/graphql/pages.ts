import type { Page } from '../chat/paging.ts'
import type { builder } from './builder.ts'

/** A page as a connection's type takes it. */
export function toConnection<Node>({ edges, hasNextPage, hasPreviousPage, totalCount }: Page<Node>) {
  return {
    edges: [...edges],
    totalCount,
    pageInfo: {
      hasNextPage,
      hasPreviousPage,
      startCursor: edges[0]?.cursor ?? null,
      endCursor: edges.at(-1)?.cursor ?? null,
    },
  }
}

type Fields = Parameters<Parameters<typeof builder.queryField>[1]>[0]

/** Arguments of a list that is read forwards only. */
export function forwardArgs(t: Pick<Fields, 'arg'>, size: number) {
  return {
    first: t.arg.int({ defaultValue: size, description: 'Size of the page, at most 100.' }),
    after: t.arg.string({ description: 'Begin after the item with this cursor.' }),
  }
}

/** Arguments of a list that is read both ways. */
export function pageArgs(t: Pick<Fields, 'arg'>) {
  return {
    first: t.arg.int({
      description: 'Size of a page from the beginning, at most 100. Not together with `last`.',
    }),
    after: t.arg.string({ description: 'Begin after the item with this cursor.' }),
    last: t.arg.int({ description: 'Size of a page from the end, at most 100. Not together with `first`.' }),
    before: t.arg.string({ description: 'End before the item with this cursor.' }),
  }
}
