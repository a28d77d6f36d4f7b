import { createHmac } from 'node:crypto'
import { expect, test } from 'vitest'
import { checkSessionCookie, sessionCookie } from '../../../src/server/auth/session-cookie.ts'
import { startEdge } from '../../support/edge.ts'
import { openSocket, postGraphQL } from '../../support/graphql-client.ts'

const accessToken = 'a-token'

function cookieUntil(expires: number): string {
  const mac = createHmac('sha256', accessToken).update(`parley session until ${expires}`).digest('base64url')
  return `parley_session=${expires}.${mac}`
}

test('a fresh cookie is valid', () => {
  expect(checkSessionCookie(accessToken, sessionCookie(accessToken, false).split(';')[0])).toBe('valid')
})

test.each([
  [undefined, null],
  ['other=1', null],
  ['parley_session=1.2', 'wrong'],
  [cookieUntil(1_000_000_000), 'expired'],
])('%s is %s', (header, standing) => {
  expect(checkSessionCookie(accessToken, header)).toBe(standing)
})

test('an expired session is 401, and 4403 for a socket, which makes its client come back with a fresh one', async () => {
  await using edge = await startEdge({ accessToken })
  const headers = { Cookie: cookieUntil(1_000_000_000) }
  expect((await postGraphQL(edge.endpoint, { query: '{ viewer }' }, headers)).status).toBe(401)
  await expect(openSocket(edge.endpoint, { headers })).rejects.toThrow('closed with 4403')
})
