/** Milliseconds. What each is for: {@link timerTable}. */
export type Timers = { readonly [Name in keyof typeof timerTable]: number }

/** Every wait that can end by itself, and every rhythm, with its default in milliseconds. */
export const timerTable = {
  providerConnect: { default: 10_000, kind: 'timeout', what: 'TCP and TLS to a provider' },
  providerFirstByte: {
    default: 60_000,
    kind: 'timeout',
    what: 'from the request to a provider to the first byte of its response',
  },
  providerFirstContent: {
    default: 300_000,
    kind: 'timeout',
    what: 'from the request to a provider to the first text or reasoning',
  },
  providerByteIdle: { default: 60_000, kind: 'timeout', what: "between two bytes of a provider's response" },
  providerContentIdle: {
    default: 180_000,
    kind: 'timeout',
    what: "between two pieces of content of a provider's response",
  },
  providerTotal: { default: 3_600_000, kind: 'timeout', what: 'one whole answer of a provider' },
  retryBudget: {
    default: 30_000,
    kind: 'timeout',
    what: 'all attempts of one answer before its first content',
  },
  retryBase: {
    default: 500,
    kind: 'interval',
    what: 'first wait between two attempts; doubles, with full jitter, up to 16 times itself',
  },
  providerPause: {
    default: 30_000,
    kind: 'timeout',
    what: 'how long a provider that failed several times in a row is not asked',
  },
  modelRefresh: {
    default: 3_600_000,
    kind: 'interval',
    what: "between two fetches of a provider's list of models",
  },
  processHeartbeat: {
    default: 2_000,
    kind: 'interval',
    what: 'between two signs of life of this process in the database',
  },
  processExpiry: {
    default: 7_000,
    kind: 'timeout',
    what: 'silence after which a process counts as dead and its runs are taken from it',
  },
  poll: {
    default: 1_000,
    kind: 'interval',
    what: 'longest time between two looks at the database for what no wake-up announced',
  },
  flush: {
    default: 20,
    kind: 'interval',
    what: 'shortest time between two commits of the log while it is busy',
  },
  operation: { default: 30_000, kind: 'timeout', what: 'one query or mutation' },
  statement: {
    default: 15_000,
    kind: 'timeout',
    what: 'one answer of the Postgres of `DATABASE_URL`, and the wait for a connection to a database',
  },
  ready: { default: 2_000, kind: 'timeout', what: "the database's answer to a look at `/ready`" },
  connectionInit: {
    default: 3_000,
    kind: 'timeout',
    what: "from a WebSocket's upgrade to `connection_init`",
  },
  ping: {
    default: 12_000,
    kind: 'interval',
    what: 'between two pings of a connection, and longest wait for the answer',
  },
  stall: { default: 30_000, kind: 'timeout', what: 'a connection that takes nothing for so long is closed' },
  vacuum: {
    default: 600_000,
    kind: 'interval',
    what: 'between two VACUUM and ANALYZE of the embedded database',
  },
  housekeeping: {
    default: 3_600_000,
    kind: 'interval',
    what: 'between two removals of events and keys that have expired',
  },
  stop: { default: 20_000, kind: 'timeout', what: 'a stop that takes longer is cut short, with exit code 1' },
} as const satisfies Record<string, { default: number; kind: 'timeout' | 'interval'; what: string }>
