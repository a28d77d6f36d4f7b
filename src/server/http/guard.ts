import type { IncomingMessage } from 'node:http'
import { RequestError, requestErrorCodes } from '../errors.ts'
import { type Caller, callerOf, type EdgeSettings, isServedHost, isServedOrigin } from './caller.ts'

/** A refusal with a status that is more exact than its code's own. */
export class RefusedError extends RequestError {
  override name = 'RefusedError'
  readonly status: number

  constructor(status: number, code: RequestError['code'], message: string) {
    super(code, message)
    this.status = status
  }
}

export function statusOf(error: RequestError): number {
  return error instanceof RefusedError ? error.status : requestErrorCodes[error.code]
}

/**
 * The first thing that happens to a request or an upgrade.
 *
 * @throws RefusedError 421 for a name that is not ours
 */
export function requireServedHost(request: IncomingMessage, settings: EdgeSettings): Caller {
  const caller = callerOf(request, settings)
  if (!isServedHost(caller, request, settings)) {
    throw new RefusedError(
      421,
      'FORBIDDEN',
      `The host "${caller.host}" is not served here: PARLEY_ALLOWED_HOSTS names further ones`,
    )
  }
  return caller
}

/**
 * Refuses what another site's page makes a browser send: a foreign origin, and a GET that the browser says comes
 * from another site. Cookies alone do not stop it, because another port of the same machine is the same site.
 *
 * @throws RefusedError 403
 */
export function requireServedOrigin(request: IncomingMessage, caller: Caller, settings: EdgeSettings): void {
  const { origin } = request.headers
  const standing = isServedOrigin(origin, caller, settings)
  if (standing === 'foreign') {
    throw new RefusedError(
      403,
      'FORBIDDEN',
      `The origin "${origin}" is not served here: PARLEY_ALLOWED_ORIGINS names further ones`,
    )
  }
  if (standing === 'own' && request.headers['sec-fetch-site'] === 'cross-site') {
    throw new RefusedError(403, 'FORBIDDEN', 'Another site cannot send operations')
  }
}

/**
 * Refuses a POST that a browser would send for any page without asking first.
 *
 * @throws RefusedError 415
 */
export function requirePreflighted(request: IncomingMessage): void {
  if (isJson(request) || request.headers['graphql-require-preflight'] !== undefined) return
  throw new RefusedError(
    415,
    'BAD_USER_INPUT',
    'A POST needs the content type application/json, or a header graphql-require-preflight',
  )
}

export function isJson(request: IncomingMessage): boolean {
  const type = request.headers['content-type']?.split(/[;,]/)[0]?.trim().toLowerCase()
  return type === 'application/json' || type === 'application/graphql+json'
}

/** What a browser's page of an allowed origin needs to read the response; nothing for everybody else. */
export function corsHeaders(
  request: IncomingMessage,
  caller: Caller,
  settings: EdgeSettings,
): Record<string, string> {
  const { origin } = request.headers
  if (settings.allowedOrigins.length === 0) return {}
  if (origin === undefined || isServedOrigin(origin, caller, settings) !== 'allowed')
    return { Vary: 'Origin' }
  return {
    Vary: 'Origin',
    'Access-Control-Allow-Origin': origin,
    'Access-Control-Allow-Credentials': 'true',
    'Access-Control-Expose-Headers': 'X-Request-Id',
  }
}

/** Further headers of the answer to a preflight. */
export const preflightHeaders = {
  'Access-Control-Allow-Methods': 'GET, POST, DELETE',
  'Access-Control-Allow-Headers': 'Content-Type, Authorization, GraphQL-Require-Preflight, Last-Event-ID',
  'Access-Control-Max-Age': '600',
} as const
