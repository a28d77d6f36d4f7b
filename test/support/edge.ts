import { Writable } from 'node:stream'
import { pino } from 'pino'
import { createPageSource } from '../../src/server/http/page.ts'
import { createHttpServer, type HttpServer, type HttpServerOptions } from '../../src/server/http/server.ts'
import type { ViewerId } from '../../src/server/ids.ts'
import { defaultLimits, type Limits } from '../../src/server/limits/limits.ts'
import { edgeSchema } from './edge-schema.ts'

export type LogEntry = { readonly level: number; readonly msg: string; readonly requestId?: string } & Record<
  string,
  unknown
>

/** A server on a free port with a schema of its own and no database. */
export type Edge = AsyncDisposable &
  Pick<HttpServer, 'close'> & {
    readonly url: string
    readonly port: number
    /** `/graphql` */
    readonly endpoint: string
    /** What was logged so far. */
    readonly log: readonly LogEntry[]
  }

type EdgeOverrides = Partial<Omit<HttpServerOptions, 'limits' | 'timers'>> & {
  readonly limits?: Partial<Limits>
  readonly timers?: Partial<HttpServerOptions['timers']>
}

export const edgeViewer = { id: '00000000-0000-7000-8000-000000000001' as ViewerId, handle: 'local' }

/** Milliseconds: on a busy machine anything may take long, and what is to end in time has a test of its own. */
const patience = { operation: 600_000, connectionInit: 600_000, ping: 600_000, stall: 600_000 }

export async function startEdge(overrides: EdgeOverrides = {}): Promise<Edge> {
  const log: LogEntry[] = []
  const sink = new Writable({
    write(chunk, _encoding, done) {
      log.push(JSON.parse(String(chunk)) as LogEntry)
      done()
    },
  })
  const server = createHttpServer({
    host: '127.0.0.1',
    port: 0,
    allowedHosts: [],
    allowedOrigins: [],
    publicUrl: null,
    trustProxy: false,
    accessToken: null,
    viewer: edgeViewer,
    schema: edgeSchema,
    log: pino({ level: 'debug' }, sink),
    createContext: () => ({}),
    ready: async () => true,
    page: createPageSource('/nonexistent'),
    ...overrides,
    limits: { ...defaultLimits, ...overrides.limits },
    timers: { ...patience, ...overrides.timers },
  })
  const { port } = await server.listen()
  const url = `http://127.0.0.1:${port}/`
  return {
    url,
    port,
    endpoint: `${url}graphql`,
    log,
    close: () => server.close(),
    [Symbol.asyncDispose]: () => server.close(),
  }
}
