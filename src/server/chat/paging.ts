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

/** One column that a list is ordered by. */
export type OrderKey = { readonly expression: RawBuilder<unknown>; readonly type: keyof typeof keyTypes }

/** What a list is ordered by: the keys together are unique. A cursor of another `name` is none of this list. */
export type Order = { readonly name: string; readonly keys: readonly OrderKey[] }

/** How a key is written into a cursor and read again. What has its form is never too much for the database. */
const keyTypes = {
  text: {
    form: /^[^\0]*$/s,
    write: (key: RawBuilder<unknown>) => sql<string>`${key}`,
    read: (text: string) => sql`${text}::text`,
  },
  /** Microseconds since 1970: all that the database knows of a time. */
  timestamptz: {
    form: /^\d{1,16}$/,
    write: (key: RawBuilder<unknown>) => sql<string>`(extract(epoch from ${key}) * 1000000)::bigint::text`,
    read: (text: string) => sql`timestamptz 'epoch' + ${text}::bigint * interval '1 microsecond'`,
  },
  uuid: {
    form: /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/,
    write: (key: RawBuilder<unknown>) => sql<string>`${key}::text`,
    read: (text: string) => sql`${text}::uuid`,
  },
}

/**
 * Reads one page of a query by key: what lies after or before a cursor is found by comparing, so a page costs the
 * same wherever it is. All keys are in the same direction.
 */
export async function keysetPage<DB, TB extends keyof DB, Row extends object>(
  query: SelectQueryBuilder<DB, TB, Row>,
  { name, keys }: Order,
  direction: 'asc' | 'desc',
  args: PageArgs,
): Promise<Page<Row>> {
  const range = pageRange(args)
  const tuple = sql.join(keys.map((key) => key.expression))
  const beyond = (argument: 'after' | 'before', cursor: string, operator: '>' | '<') => {
    const texts = readCursor({ name, keys }, argument, cursor)
    const values = keys.map(({ type }, i) => keyTypes[type].read(texts[i]!))
    return sql<boolean>`(${tuple}) ${sql.raw(operator)} (${sql.join(values)})`
  }
  const [later, earlier] = direction === 'asc' ? (['>', '<'] as const) : (['<', '>'] as const)
  let page = query
  if (args.after != null) page = page.where(beyond('after', args.after, later))
  if (args.before != null) page = page.where(beyond('before', args.before, earlier))
  const backwards = range.fromEnd ? (direction === 'asc' ? 'desc' : 'asc') : direction
  for (const key of keys) page = page.orderBy(key.expression, backwards)
  const written = keys.map(({ type, expression }) => keyTypes[type].write(expression))
  const rows = await page
    .select(sql<string[]>`array[${sql.join(written)}]`.as('page_key'))
    .limit(range.size + 1)
    .execute()
  const edges = rows.slice(0, range.size).map((row) => {
    const { page_key, ...node } = row as unknown as Row & { page_key: string[] }
    return { cursor: writeCursor(name, page_key), node: node as unknown as Row }
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

function writeCursor(name: string, texts: readonly string[]): string {
  return Buffer.from(JSON.stringify([name, ...texts])).toString('base64url')
}

/** The keys in a cursor, as texts that the database can read. Throws RequestError BAD_USER_INPUT. */
function readCursor({ name, keys }: Order, argument: string, cursor: string): string[] {
  const parsed = parseJson(Buffer.from(cursor, 'base64url').toString())
  const [list, ...texts]: unknown[] = Array.isArray(parsed) ? parsed : []
  const fits = ({ type }: OrderKey, i: number) => {
    const text = texts[i]
    return typeof text === 'string' && keyTypes[type].form.test(text)
  }
  if (list === name && texts.length === keys.length && keys.every(fits)) return texts as string[]
  throw new RequestError('BAD_USER_INPUT', `Cannot page: \`${argument}\` is not a cursor of this list`)
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
