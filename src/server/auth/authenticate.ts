import { RequestError } from '../errors.ts'
import type { RateWindow } from '../limits/rate-window.ts'
import { checkSessionCookie, sameText } from './session-cookie.ts'
import type { Viewer } from './viewer.ts'

/** Where a request may carry what proves who sends it. */
export type Credentials = {
  /** Remote address: the one whose wrong attempts are counted. */
  readonly address: string
  /** `Authorization` header, or what a WebSocket client sends in its place. */
  readonly authorization?: string | undefined
  /** `Cookie` header. */
  readonly cookie?: string | undefined
}

export class UnauthenticatedError extends RequestError {
  override name = 'UnauthenticatedError'
  /** Whether these credentials were good once: the client should get fresh ones and come back. */
  readonly expired: boolean

  constructor(message: string, expired = false) {
    super('UNAUTHENTICATED', message)
    this.expired = expired
  }
}

export type Authenticate = (credentials: Credentials) => Viewer

/**
 * Makes the one function that turns credentials into a viewer, on every transport. Without an access token
 * everybody is `viewer`; with one, who shows it or a cookie made from it is.
 *
 * It throws {@link UnauthenticatedError}, or RATE_LIMITED where an address showed too many wrong tokens. A valid
 * cookie is let in even then, so that one bad script does not lock out the people behind the same address.
 */
export function createAuthenticate(options: {
  readonly accessToken: string | null
  readonly viewer: Viewer
  readonly failures: RateWindow
}): Authenticate {
  const { accessToken, viewer, failures } = options
  if (accessToken === null) return () => viewer
  return ({ address, authorization, cookie }) => {
    if (authorization !== undefined) {
      requireToken(accessToken, bearerOf(authorization), address, failures)
      return viewer
    }
    const session = checkSessionCookie(accessToken, cookie)
    if (session === 'valid') return viewer
    if (session === 'expired') throw new UnauthenticatedError('The session has expired: sign in again', true)
    throw new UnauthenticatedError('This server demands its access token: send it as a bearer, or sign in')
  }
}

/**
 * Checks an access token that somebody typed or sent.
 *
 * @throws UnauthenticatedError for a wrong one, RATE_LIMITED after too many wrong ones from the same address
 */
export function requireToken(
  accessToken: string,
  given: string | null,
  address: string,
  failures: RateWindow,
): void {
  if (failures.isSpent(address)) {
    throw new RequestError('RATE_LIMITED', 'Too many wrong access tokens from this address: wait a minute')
  }
  if (given !== null && sameText(given, accessToken)) return
  failures.take(address)
  throw new UnauthenticatedError('The access token is wrong')
}

function bearerOf(authorization: string): string | null {
  return /^Bearer +(\S+) *$/i.exec(authorization)?.[1] ?? null
}
