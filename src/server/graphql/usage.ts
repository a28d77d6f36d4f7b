import type { Generation } from '../chat/generations.ts'
import { findSpending, type Spending } from '../chat/spending.ts'
import type { Usage } from '../chat/usage.ts'
import { builder, cost } from './builder.ts'
import { modelOf } from './model.ts'
import { ModelRef, UserRef } from './refs.ts'

export const UsageRef = builder.objectRef<Usage>('Usage').implement({
  description: 'What a run used, or several together. Unknown is null, never 0.',
  fields: (t) => ({
    inputTokens: t.exposeInt('input_tokens', {
      nullable: true,
      description: 'Tokens read, those from a cache among them.',
    }),
    outputTokens: t.exposeInt('output_tokens', {
      nullable: true,
      description: 'Tokens written, those of thinking among them.',
    }),
    cachedTokens: t.exposeInt('cached_tokens', {
      nullable: true,
      description: 'Of the tokens read, those from a cache.',
    }),
    reasoningTokens: t.exposeInt('reasoning_tokens', {
      nullable: true,
      description: 'Of the tokens written, those of thinking.',
    }),
    cost: t.expose('cost', {
      type: 'Decimal',
      nullable: true,
      description:
        'US dollars, every attempt counted: what the provider says, else what the tokens cost by the prices of the day; null: unknown.',
    }),
    estimated: t.exposeBoolean('usage_estimated', {
      description: 'True where the provider did not report the figures, as after a cancel.',
    }),
  }),
})

/** Known once the run has ended. */
export function usageOf(generation: Generation | null): Generation | null {
  return generation?.finished_at ? generation : null
}

const ModelUsage = builder.objectRef<{ model: string; usage: Usage }>('ModelUsage').implement({
  description: 'What one model was used for.',
  fields: (t) => ({
    model: t.field({
      type: ModelRef,
      description: 'The model, also where it is not offered any more.',
      resolve: ({ model }, _args, context) => modelOf(context, model)!,
    }),
    usage: t.expose('usage', { type: UsageRef, description: 'All of its attempts together.' }),
  }),
})

const DailyUsage = builder.objectRef<{ day: Date; usage: Usage }>('DailyUsage').implement({
  description: 'What was used on one day.',
  fields: (t) => ({
    day: t.expose('day', { type: 'DateTime', description: 'Its beginning, in UTC.' }),
    usage: t.expose('usage', { type: UsageRef, description: 'All attempts that ended on it together.' }),
  }),
})

const UsageReport = builder.objectRef<Spending>('UsageReport').implement({
  description: 'What was used in a time. It also counts what was deleted since.',
  fields: (t) => ({
    total: t.expose('total', { type: UsageRef, description: 'All of it together.' }),
    byModel: t.field({
      type: [ModelUsage],
      description: 'For each model that was used, the most expensive first.',
      resolve: ({ byModel }) => [...byModel],
    }),
    byDay: t.field({
      type: [DailyUsage],
      description: 'For each day on which anything was used, the oldest first.',
      resolve: ({ byDay }) => [...byDay],
    }),
  }),
})

builder.objectField(UserRef, 'usage', (t) =>
  t.field({
    type: UsageReport,
    nullable: true,
    description: 'What this account used, every attempt at an answer counted when it ended.',
    args: {
      since: t.arg({ type: 'DateTime', required: true, description: 'From when on.' }),
      until: t.arg({ type: 'DateTime', description: 'Up to when, itself not included; null: now.' }),
    },
    extensions: cost(20),
    resolve: ({ id }, { since, until }, { chat }) =>
      findSpending(chat.db, id, { since, until: until ?? null }),
  }),
)
