/**
 * Every limit that a client can run into, with its default. One table: the settings are made from it
 * (`PARLEY_LIMIT_…`), every transport applies it, and one test walks it over HTTP, SSE and WebSocket.
 */
export const limitTable = {
  messageLength: { default: 100_000, unit: 'UTF-16 units', what: 'text of one message' },
  bodyBytes: { default: 1_000_000, unit: 'bytes', what: 'one HTTP body or WebSocket message' },
  tokens: { default: 2_000, unit: 'tokens', what: 'one GraphQL document' },
  depth: { default: 12, unit: 'levels', what: 'nesting of fields in one operation' },
  aliases: { default: 30, unit: 'aliases', what: 'aliased fields in one document' },
  directives: { default: 8, unit: 'directives', what: 'directives on one node of a document' },
  pageSize: { default: 100, unit: 'items', what: '`first` or `last` of a connection' },
  cost: { default: 10_000, unit: 'points', what: 'cost of one operation' },
  subscriptionsPerSocket: { default: 20, unit: 'subscriptions', what: 'subscriptions on one WebSocket' },
  operationsPerSocket: { default: 50, unit: 'operations', what: 'operations under way on one WebSocket' },
  socketsPerAddress: {
    default: 20,
    unit: 'sockets',
    what: 'WebSockets and SSE streams of one remote address',
  },
  operationsPerSecond: {
    default: 1_000,
    unit: 'operations',
    what: 'operations a second of one remote address',
  },
  failedSignInsPerMinute: {
    default: 10,
    unit: 'attempts',
    what: 'wrong access tokens a minute from one remote address',
  },
  runsPerConversation: { default: 16, unit: 'runs', what: 'runs under way in one conversation' },
  runs: { default: 1_000, unit: 'runs', what: 'runs under way in one process; further ones wait' },
  runsPerProvider: {
    default: 1_000,
    unit: 'runs',
    what: 'runs of one provider under way in one process; further ones wait',
  },
  providerFailures: {
    default: 5,
    unit: 'failures',
    what: 'failures of a provider in a row, within a minute, after which it is not asked for a while',
  },
  queuedRuns: { default: 1_000, unit: 'runs', what: 'runs that wait for room, in all' },
} as const

export type Limits = { readonly [Name in keyof typeof limitTable]: number }

export const defaultLimits = Object.fromEntries(
  Object.entries(limitTable).map(([name, limit]) => [name, limit.default]),
) as Limits
