import { createHash, createHmac, timingSafeEqual } from 'node:crypto'

const name = 'parley_session'
const lifetimeSeconds = 30 * 24 * 60 * 60

/**
 * The `Set-Cookie` of a browser that has shown the access token. Its value is the end of its life and a MAC of it
 * keyed by the token: it does not give the token away, and ends with it.
 *
 * @param secure - whether people reach the server over https
 */
export function sessionCookie(accessToken: string, secure: boolean): string {
  const expires = String(Math.floor(Date.now() / 1000) + lifetimeSeconds)
  return setCookie(`${expires}.${macOf(accessToken, expires)}`, lifetimeSeconds, secure)
}

/** The `Set-Cookie` that ends a session in the browser. */
export function endedSessionCookie(secure: boolean): string {
  return setCookie('', 0, secure)
}

/** What the `Cookie` header of a request says; null where it names no session. */
export function checkSessionCookie(
  accessToken: string,
  cookieHeader: string | undefined,
): 'valid' | 'expired' | 'wrong' | null {
  const value = cookieHeader?.split(/; */).find((pair) => pair.startsWith(`${name}=`))
  const [expires, mac] = value?.slice(name.length + 1).split('.') ?? []
  if (!expires || !mac) return null
  if (!sameText(mac, macOf(accessToken, expires))) return 'wrong'
  return Number(expires) * 1000 > Date.now() ? 'valid' : 'expired'
}

/** Compares without telling by its duration how much of the text was right. */
export function sameText(one: string, other: string): boolean {
  return timingSafeEqual(sha256(one), sha256(other))
}

function macOf(accessToken: string, expires: string): string {
  return createHmac('sha256', accessToken).update(`parley session until ${expires}`).digest('base64url')
}

function setCookie(value: string, maxAge: number, secure: boolean): string {
  const cookie = `${name}=${value}; Path=/; HttpOnly; SameSite=Strict; Max-Age=${maxAge}`
  return secure ? `${cookie}; Secure` : cookie
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
