import type { IncomingMessage, ServerResponse } from 'node:http'
import { requireToken } from '../auth/authenticate.ts'
import { endedSessionCookie, sessionCookie } from '../auth/session-cookie.ts'
import type { RateWindow } from '../limits/rate-window.ts'
import { readBody } from './body.ts'
import type { Caller } from './caller.ts'
import { RefusedError } from './guard.ts'

/** Far more than any token. Bytes. */
const longestBody = 10_000

/**
 * `POST /session` with `{"token": "…"}`: swaps the access token for a cookie that scripts cannot read. Where the
 * server demands none it answers alike, without a cookie.
 */
export async function startSession(
  request: IncomingMessage,
  response: ServerResponse,
  caller: Caller,
  { accessToken, failures }: { readonly accessToken: string | null; readonly failures: RateWindow },
): Promise<void> {
  const token = tokenOf(await readBody(request, longestBody))
  if (accessToken !== null) {
    requireToken(accessToken, token, caller.address, failures)
    response.setHeader('Set-Cookie', sessionCookie(accessToken, caller.secure))
  }
  response.writeHead(204).end()
}

/** `DELETE /session`: signs the browser out. */
export function endSession(response: ServerResponse, caller: Caller): void {
  response.setHeader('Set-Cookie', endedSessionCookie(caller.secure))
  response.writeHead(204).end()
}

function tokenOf(body: string): string {
  try {
    const { token } = JSON.parse(body) as { token?: unknown }
    if (typeof token === 'string') return token
  } catch {
    // Told below.
  }
  throw new RefusedError(400, 'BAD_USER_INPUT', 'The body has to be JSON, as {"token": "…"}')
}
