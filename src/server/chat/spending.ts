import { sql } from 'kysely'
import type { Db } from '../db/connect.ts'
import type { ViewerId } from '../ids.ts'
import { noUsage, sumOf, type Usage } from './usage.ts'

export type Span = {
  readonly since: Date
  /** Not included; null: now. */
  readonly until: Date | null
}

/** What a viewer used in a time, by the ledger. */
export type Spending = {
  readonly total: Usage
  /** The most expensive first; `model` is `provider:name`. */
  readonly byModel: readonly { readonly model: string; readonly usage: Usage }[]
  /** Days of UTC, the oldest first. */
  readonly byDay: readonly { readonly day: Date; readonly usage: Usage }[]
}

/** Sums up a viewer's attempts that ended in a time; of what is known of some, the sum of that. */
export async function findSpending(db: Db, viewer: ViewerId, { since, until }: Span): Promise<Spending> {
  const { rows } = await sql<Usage & { model: string | null; day: Date | null }>`
    select model, day, coalesce(bool_or(is_estimated), false) as usage_estimated,
      ${sumOf('input_tokens')} as input_tokens, ${sumOf('output_tokens')} as output_tokens,
      ${sumOf('cache_read_tokens')} as cached_tokens, ${sumOf('reasoning_tokens')} as reasoning_tokens,
      sum(cost) as cost
    from (
      select *, date_trunc('day', at, 'UTC') as day from ledger
      where viewer_id = ${viewer} and at >= ${since} and at < coalesce(${until}::timestamptz, 'infinity')
    ) as used
    group by grouping sets ((), (model), (day))
    order by day, sum(cost) desc nulls last, model`.execute(db)
  return {
    total: rows.find(({ model, day }) => model === null && day === null) ?? noUsage,
    byModel: rows.flatMap(({ model, ...usage }) => (model === null ? [] : [{ model, usage }])),
    byDay: rows.flatMap(({ day, ...usage }) => (day === null ? [] : [{ day, usage }])),
  }
}
