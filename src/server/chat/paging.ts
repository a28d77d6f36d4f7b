import { type RawBuilder, type SelectQueryBuilder, sql } from 'kysely'
import { RequestError } from '../errors.ts'

/** The arguments of a connection, as a client sent them. */
export type PageArgs = {
  readonly first?: number | null | undefined
  readonly after?: string | null | undefined
  readonly last?: number | null | undefined
  readonly before?: string | null | undefined
}

/** A part of a list in its order. */
export type Page<Node> = {
  readonly edges: readonly { readonly cursor: string; readonly node: Node }[]
  readonly hasNextPage: boolean
  readonly hasPreviousPage: boolean
  /** Asked for only when somebody selects it. */
  readonly totalCount: () => Promise<number>
}

/** Which end of the list, and how much of it. */
export type PageRange = { readonly size: number; readonly fromEnd: boolean }

/** What the arguments ask for; neither `first` nor `last`: `fallback`. The edge has refused impossible sizes. */
export function pageRange(
  { first, last }: PageArgs,
  fallback: PageRange = { size: 20, fromEnd: false },
): PageRange {
  if (first != null) return { size: first, fromEnd: false }
  return last != null ? { size: last, fromEnd: true } : fallback
}

/** One column that a list is ordered by, with its type in the database, which reads a cursor's text. */
export type OrderKey = {
  readonly expression: RawBuilder<unknown>
  readonly type: 'timestamptz' | 'text' | 'uuid'
}

/**
 * Reads one page of a query by key: what lies after or before a cursor is found by comparing, so a page costs the
 * same wherever it is. The keys together are unique; all are in the same direction.
 */
export async function keysetPage<DB, TB extends keyof DB, Row extends object>(
  query: SelectQueryBuilder<DB, TB, Row>,
  keys: readonly OrderKey[],
  direction: 'asc' | 'desc',
  args: PageArgs,
): Promise<Page<Row>> {
  const range = pageRange(args)
  const tuple = sql.join(keys.map((key) => key.expression))
  const beyond = (cursor: string, name: string, operator: '>' | '<') => {
    const values = readCursor(cursor, name, keys).map((value, i) => sql`${value}::${sql.raw(keys[i]!.type)}`)
    return sql<boolean>`(${tuple}) ${sql.raw(operator)} (${sql.join(values)})`
  }
  const [later, earlier] = direction === 'asc' ? (['>', '<'] as const) : (['<', '>'] as const)
  let page = query
  if (args.after != null) page = page.where(beyond(args.after, 'after', later))
  if (args.before != null) page = page.where(beyond(args.before, 'before', earlier))
  const backwards = range.fromEnd ? (direction === 'asc' ? 'desc' : 'asc') : direction
  for (const key of keys) page = page.orderBy(key.expression, backwards)
  const texts = sql<string[]>`array[${sql.join(keys.map((key) => sql`${key.expression}::text`))}]`.as(
    'page_key',
  )
  const rows = await page
    .select(texts)
    .limit(range.size + 1)
    .execute()
  const edges = rows.slice(0, range.size).map((row) => {
    const { page_key, ...node } = row as unknown as Row & { page_key: string[] }
    return { cursor: writeCursor(page_key), node: node as unknown as Row }
  })
  const more = rows.length > range.size
  return {
    edges: range.fromEnd ? edges.reverse() : edges,
    hasNextPage: range.fromEnd ? args.before != null : more,
    hasPreviousPage: range.fromEnd ? more : args.after != null,
    totalCount: () => count(query),
  }
}

async function count<DB, TB extends keyof DB, Row>(query: SelectQueryBuilder<DB, TB, Row>): Promise<number> {
  const counted = query.clearSelect().select(sql<number>`count(*)::integer`.as('total'))
  const { total } = (await counted.executeTakeFirstOrThrow()) as { total: number }
  return total
}

function writeCursor(keys: readonly string[]): string {
  return Buffer.from(JSON.stringify(keys)).toString('base64url')
}

const wellFormed = {
  text: /^[^\0]*$/s,
  timestamptz: /^\d{4,6}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{1,6})?[+-]\d\d(:\d\d){0,2}$/,
  uuid: /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/,
}

function readCursor(cursor: string, name: string, keys: readonly OrderKey[]): string[] {
  const values = parseJson(Buffer.from(cursor, 'base64url').toString())
  const fits = (key: OrderKey, i: number) => {
    const value = (values as unknown[])[i]
    return typeof value === 'string' && wellFormed[key.type].test(value)
  }
  if (Array.isArray(values) && values.length === keys.length && keys.every(fits)) return values
  throw new RequestError('BAD_USER_INPUT', `Cannot page: \`${name}\` is not a cursor of this list`)
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
