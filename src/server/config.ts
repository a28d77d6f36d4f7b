import type { Limits } from './limits/limits.ts'
import type { LogLevel } from './log.ts'

/** Everything that the surroundings decide, parsed once. Durations are milliseconds. */
export type Config = {
  readonly host: string
  /** 0: any free port. */
  readonly port: number
  /** Additional `Host` headers that are served (INVARIANTS: DNS rebinding). */
  readonly allowedHosts: readonly string[]
  /** Origins of browser clients served from elsewhere. */
  readonly allowedOrigins: readonly string[]
  /** Address that people use, behind a proxy; null: what the request says. */
  readonly publicUrl: URL | null
  /** Whether `X-Forwarded-*` headers count. */
  readonly trustProxy: boolean
  /** Bearer that every transport demands; null: nobody is asked. */
  readonly accessToken: string | null
  /** A Postgres; null: the embedded one in `dataDir`. */
  readonly databaseUrl: string | null
  readonly dataDir: string
  readonly anthropic: { readonly apiKey: string | null; readonly baseUrl: string | null }
  /** Exact provider name of the model used when nobody names one; null: chosen from what is listed. */
  readonly defaultModel: string | null
  /** Pace of the built-in demo model. */
  readonly demoTokensPerSecond: number
  readonly logLevel: LogLevel
  readonly limits: Limits
  readonly timers: Timers
}

/** Every wait that can end by itself. Milliseconds. */
export type Timers = {
  /** TCP and TLS to a provider. */
  readonly providerConnect: number
  /** From the request to the response's first byte. */
  readonly providerFirstByte: number
  /** From the request to the first text or reasoning. */
  readonly providerFirstContent: number
  /** Between two bytes of a response. */
  readonly providerByteIdle: number
  /** Between two pieces of content. */
  readonly providerContentIdle: number
  /** A whole answer. */
  readonly providerTotal: number
  /** For all attempts before the first content. */
  readonly retryBudget: number
  /** The first wait between attempts; doubles, with full jitter, up to 16 times itself. */
  readonly retryBase: number
  /** Between two fetches of a provider's model list. */
  readonly modelRefresh: number
  /** Between two signs of life of this process in the database. */
  readonly processHeartbeat: number
  /** After which a silent process counts as dead and its runs are taken from it. */
  readonly processExpiry: number
  /** Longest time between two looks at the database for what no wake-up announced. */
  readonly poll: number
  /** Shortest time between two commits of the log while it is busy. */
  readonly flush: number
  /** One query or mutation. */
  readonly operation: number
  /** From the upgrade to `connection_init`. */
  readonly connectionInit: number
  /** Between two transport pings, and the longest wait for the answer. */
  readonly ping: number
  /** A socket that takes nothing for so long is closed with 1013. */
  readonly stall: number
  /** Between two VACUUM and ANALYZE of the embedded database. */
  readonly vacuum: number
}
