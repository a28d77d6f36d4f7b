import { createStore } from './external-store.ts'

/** `needed`: the server has refused an operation for want of its access token. */
export const session = createStore<'open' | 'needed'>('open')

/**
 * Swaps the server's access token for a cookie that scripts cannot read. False when the server does not know the
 * token; throws when it cannot be reached.
 */
export async function enterToken(token: string): Promise<boolean> {
  const response = await fetch('/session', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ token }),
    credentials: 'same-origin',
  })
  if (response.status === 401) return false
  if (!response.ok) throw new Error(`The server answered ${response.status}`)
  return true
}
