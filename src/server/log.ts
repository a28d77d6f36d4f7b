import { type Logger, pino } from 'pino'

export type { Logger }

export const logLevels = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const
export type LogLevel = (typeof logLevels)[number]

/** Structured log, one JSON object a line on standard output. Credentials are cut out wherever they turn up. */
export function createLog(level: LogLevel): Logger {
  return pino({
    level,
    redact: { paths: ['*.authorization', '*.cookie', '*.apiKey', '*.accessToken', '*.token'], remove: true },
  })
}
