import { type RawBuilder, sql } from 'kysely'
import type { Viewer } from '../auth/viewer.ts'
import type { Db } from '../db/connect.ts'
import type { GenerationRow } from '../db/tables.ts'
import type { ConversationId } from '../ids.ts'
import { visibleConversations } from './access.ts'

/** Tokens, and US dollars as an exact decimal; null: nobody said. */
export type Usage = Pick<
  GenerationRow,
  'input_tokens' | 'output_tokens' | 'cached_tokens' | 'reasoning_tokens' | 'cost' | 'usage_estimated'
>

/** What all ended runs of each conversation used together; of what is known of some, the sum of that. */
export async function findUsage(
  db: Db,
  viewer: Viewer,
  ids: readonly ConversationId[],
): Promise<Map<ConversationId, Usage>> {
  const rows = await db
    .selectFrom('generation')
    .where('conversation_id', 'in', visibleConversations(db, viewer).select('conversation.id'))
    .where('conversation_id', 'in', ids)
    .where('finished_at', 'is not', null)
    .groupBy('conversation_id')
    .select(['conversation_id', sql<boolean>`bool_or(usage_estimated)`.as('usage_estimated')])
    .select([sumOf('input_tokens').as('input_tokens'), sumOf('output_tokens').as('output_tokens')])
    .select([sumOf('cached_tokens').as('cached_tokens'), sumOf('reasoning_tokens').as('reasoning_tokens')])
    .select(sql<string | null>`sum(cost)`.as('cost'))
    .execute()
  return new Map(rows.map((row) => [row.conversation_id, row]))
}

export const noUsage: Usage = {
  input_tokens: null,
  output_tokens: null,
  cached_tokens: null,
  reasoning_tokens: null,
  cost: null,
  usage_estimated: false,
}

/** The most that an `Int` of GraphQL holds. */
const mostTokens = 2 ** 31 - 1

/** The sum of a column of tokens; null where nobody said any. */
export function sumOf(column: string): RawBuilder<number | null> {
  const sum = sql`sum(${sql.ref(column)})`
  return sql`case when ${sum} > ${mostTokens} then ${mostTokens} else ${sum} end::integer`
}
