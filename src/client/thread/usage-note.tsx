import type { Message } from '../conversation/thread-state.ts'

type Usage = NonNullable<NonNullable<Message['generation']>['usage']>

/** What an answer took and cost, as far as that is known. */
export function UsageNote({ usage }: { usage: Usage | null }) {
  if (usage?.inputTokens == null || usage.outputTokens === null) return null
  const { inputTokens: read, outputTokens: written, cost, estimated } = usage
  const details = `${read.toLocaleString()} tokens read, ${written.toLocaleString()} written${estimated ? ', roughly' : ''}`
  return (
    <span className="px-1.5 text-muted text-xs tabular-nums" title={details}>
      {(read + written).toLocaleString()} tokens{cost !== null && ` · ${dollars(cost)}`}
    </span>
  )
}

/** Two digits that say something, however small the amount is. */
function dollars(amount: string): string {
  return Number(amount).toLocaleString('en', {
    style: 'currency',
    currency: 'USD',
    minimumFractionDigits: 0,
    maximumSignificantDigits: 2,
  })
}
