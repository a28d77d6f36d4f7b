import type { IncomingMessage } from 'node:http'

/** Who sent a request, and to which name, as far as the server believes it. */
export type Caller = {
  /** Remote address. */
  readonly address: string
  /** `Host` header: the name and port that the client asked for. Lower case. */
  readonly host: string
  /** Whether the client's own connection is https. */
  readonly secure: boolean
}

/** What decides whom the server listens to. */
export type EdgeSettings = {
  /** Address that the server is bound to. */
  readonly host: string
  /** Further `Host` headers, with or without a port. */
  readonly allowedHosts: readonly string[]
  /** Origins of browser clients that are served from elsewhere. */
  readonly allowedOrigins: readonly string[]
  /** Address that people use when a proxy stands in front. */
  readonly publicUrl: URL | null
  /** Whether `X-Forwarded-*` headers count. */
  readonly trustProxy: boolean
}

/** With a proxy that is trusted, the last value of each header is the one that this proxy wrote. */
export function callerOf(request: IncomingMessage, settings: EdgeSettings): Caller {
  const forwarded = (name: string) => (settings.trustProxy ? lastValue(request.headers[name]) : undefined)
  const address = forwarded('x-forwarded-for') ?? request.socket.remoteAddress ?? ''
  return {
    address: address.replace(/^::ffff:/i, ''),
    host: (forwarded('x-forwarded-host') ?? request.headers.host ?? '').toLowerCase(),
    secure: forwarded('x-forwarded-proto') === 'https' || settings.publicUrl?.protocol === 'https:',
  }
}

/**
 * Whether the server answers to the name that was asked for. A name that somebody else owns can be made to point
 * at this machine, and his page would then count as ours: only names that are known to be ours are served.
 */
export function isServedHost(caller: Caller, request: IncomingMessage, settings: EdgeSettings): boolean {
  const name = caller.host.replace(/:\d+$/, '')
  const own = ['localhost', '127.0.0.1', '[::1]', bracketed(settings.host), bracketed(localAddress(request))]
  const allowed = [...settings.allowedHosts, settings.publicUrl?.host]
  return own.includes(name) || allowed.includes(caller.host) || allowed.includes(name)
}

/** Whether a browser's page of this origin may use the server. A request without one comes from no page. */
export function isServedOrigin(
  origin: string | undefined,
  caller: Caller,
  settings: EdgeSettings,
): 'own' | 'allowed' | 'foreign' {
  if (origin === undefined) return 'own'
  if (settings.allowedOrigins.includes(origin)) return 'allowed'
  const url = URL.parse(origin)
  const own = [URL.parse(`${url?.protocol}//${caller.host}`)?.host, settings.publicUrl?.host]
  return url?.host && own.includes(url.host) ? 'own' : 'foreign'
}

function bracketed(address: string): string {
  return address.includes(':') ? `[${address}]` : address.toLowerCase()
}

function localAddress(request: IncomingMessage): string {
  return (request.socket.localAddress ?? '').replace(/^::ffff:/i, '')
}

function lastValue(header: string | string[] | undefined): string | undefined {
  const text = Array.isArray(header) ? header.join(',') : header
  return text?.split(',').at(-1)?.trim() || undefined
}
