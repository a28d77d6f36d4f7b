import { type RawBuilder, sql } from 'kysely'
import type { Tx } from '../db/connect.ts'
import type { AttemptOutcome, GenerationRow } from '../db/tables.ts'
import type { Prices } from '../llm/prices.ts'
import type { TokenUsage } from '../llm/provider.ts'
import type { Unit } from './commit.ts'

/** How one attempt at an answer ended, and what it used. */
export type Attempt = {
  readonly outcome: AttemptOutcome
  readonly usage: TokenUsage
  /** Whether some of that is not the provider's own word. */
  readonly isEstimated: boolean
}

type PaidRun = Pick<GenerationRow, 'id' | 'conversation_id' | 'viewer_id' | 'model' | 'epoch' | 'attempt'>

/** Adds an attempt to the ledger, with the prices of this moment, in the transaction in which it ends. */
export function addToLedger(unit: Unit, run: PaidRun, { outcome, usage, isEstimated }: Attempt): void {
  const prices = unit.pricesOf(run.model)
  const cost = costOf(usage, prices)
  const source = usage.cost === null ? 'PRICES' : 'PROVIDER'
  unit.changes.addStatement(
    unit.tx.insertInto('ledger').values({
      viewer_id: run.viewer_id ?? ownerOf(run),
      conversation_id: run.conversation_id,
      generation_id: run.id,
      epoch: run.epoch,
      attempt: run.attempt,
      model: run.model,
      outcome,
      input_tokens: usage.inputTokens,
      output_tokens: usage.outputTokens,
      cache_read_tokens: usage.cachedTokens,
      cache_write_tokens: usage.cacheWrittenTokens,
      reasoning_tokens: usage.reasoningTokens,
      is_estimated: isEstimated,
      cost,
      cost_source: cost && source,
      prices: cost && source === 'PRICES' ? JSON.stringify(prices) : null,
    }),
  )
}

/** Runs that are older than their column for the viewer are the conversation owner's. */
function ownerOf({ conversation_id }: PaidRun): RawBuilder<GenerationRow['viewer_id'] & string> {
  return sql`(select owner_id from conversation where id = ${conversation_id})`
}

/**
 * US dollars: what the provider says, else what the tokens cost by `prices`. Null where a count or a price is not known
 * that it takes: a wrong figure is worse than none.
 */
export function costOf(usage: TokenUsage, prices: Prices | null): RawBuilder<string> | null {
  if (usage.cost !== null) return sql`${usage.cost}::numeric`
  const items = prices && itemsOf(usage, prices)
  if (!items) return null
  const amounts = items.map(({ tokens, price }) => sql`${tokens}::numeric * ${price}::numeric`)
  return sql`trim_scale((${sql.join([sql`0`, ...amounts], sql` + `)}) / 1000000)`
}

type Item = { readonly tokens: number; readonly price: string }

function itemsOf(usage: TokenUsage, prices: Prices): readonly Item[] | null {
  const { inputTokens, outputTokens, cachedTokens, cacheWrittenTokens } = usage
  if (inputTokens === null || outputTokens === null) return null
  const read = cachedTokens ?? 0
  const written = cacheWrittenTokens ?? 0
  const items = [
    { tokens: Math.max(0, inputTokens - read - written), price: prices.input },
    { tokens: read, price: prices.cacheRead },
    { tokens: written, price: prices.cacheWrite },
    { tokens: outputTokens, price: prices.output },
  ].filter(({ tokens }) => tokens > 0)
  return items.every((item): item is Item => item.price !== null) ? items : null
}

/** Columns of a generation that sum up its attempts. */
type Totals = Pick<
  GenerationRow,
  'input_tokens' | 'output_tokens' | 'cached_tokens' | 'reasoning_tokens' | 'cost'
>

/** What the run used before its last attempt; null: that was the first one. */
export async function findEarlier(
  tx: Tx,
  { id, attempt, lost_processes }: Pick<GenerationRow, 'id' | 'attempt' | 'lost_processes'>,
): Promise<Totals | null> {
  if (attempt === 1 && lost_processes === 0) return null
  const row = await tx
    .selectFrom('ledger')
    .where('generation_id', '=', id)
    .select([
      sql<number | null>`sum(input_tokens)::integer`.as('input_tokens'),
      sql<number | null>`sum(output_tokens)::integer`.as('output_tokens'),
      sql<number | null>`sum(cache_read_tokens)::integer`.as('cached_tokens'),
      sql<number | null>`sum(reasoning_tokens)::integer`.as('reasoning_tokens'),
      sql<string | null>`sum(cost)`.as('cost'),
    ])
    .executeTakeFirst()
  return row ?? null
}

/** The columns of a generation whose last attempt used `usage`, and the ones before it `earlier`. */
export function totalsOf(usage: TokenUsage, prices: Prices | null, earlier: Totals | null) {
  const cost = costOf(usage, prices)
  return {
    input_tokens: plus(usage.inputTokens, earlier?.input_tokens),
    output_tokens: plus(usage.outputTokens, earlier?.output_tokens),
    cached_tokens: plus(usage.cachedTokens, earlier?.cached_tokens),
    reasoning_tokens: plus(usage.reasoningTokens, earlier?.reasoning_tokens),
    cost: earlier?.cost ? (cost ? sql<string>`${cost} + ${earlier.cost}::numeric` : earlier.cost) : cost,
  }
}

/** Of what is known of some, the sum of that. */
function plus(one: number | null, other: number | null | undefined): number | null {
  return one === null && other == null ? null : (one ?? 0) + (other ?? 0)
}
