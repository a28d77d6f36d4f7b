import { describe, expect, test } from 'vitest'
import { edgeViewer, startEdge } from '../../support/edge.ts'
import { openEvents, openSocket, postGraphQL, runOnSocket, sendHttp } from '../../support/graphql-client.ts'

const accessToken = 'correct horse battery staple'.replaceAll(' ', '-')
const bearer = { Authorization: `Bearer ${accessToken}` }
const viewer = { query: '{ viewer }' }
const seen = { data: { viewer: edgeViewer.id } }

function signIn(url: string, token: unknown, headers: Record<string, string> = {}) {
  return sendHttp(`${url}session`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', ...headers },
    body: JSON.stringify({ token }),
  })
}

async function cookieOf(url: string): Promise<string> {
  const reply = await signIn(url, accessToken)
  expect(reply.status).toBe(204)
  return String(reply.headers['set-cookie']?.[0]?.split(';')[0])
}

test('without an access token everybody is the local viewer', async () => {
  await using edge = await startEdge()
  expect((await postGraphQL(edge.endpoint, viewer)).json()).toEqual(seen)
  await using socket = await openSocket(edge.endpoint)
  expect((await runOnSocket(socket, '1', viewer)).results).toEqual([seen])
  expect((await signIn(edge.url, 'anything')).headers['set-cookie']).toBeUndefined()
})

describe('with an access token', () => {
  test.each([
    ['nothing', {}],
    ['a wrong bearer', { Authorization: 'Bearer wrong' }],
    ['part of the token', { Authorization: `Bearer ${accessToken.slice(0, -1)}` }],
    ['another scheme', { Authorization: `Basic ${btoa(`parley:${accessToken}`)}` }],
    ['the token as a cookie', { Cookie: `parley_session=${accessToken}` }],
    ['a made-up cookie', { Cookie: 'parley_session=9999999999.AAAA' }],
    ['an empty cookie', { Cookie: 'parley_session=' }],
  ])('%s is refused over HTTP, SSE and WebSocket', async (_what, headers: Record<string, string>) => {
    await using edge = await startEdge({ accessToken })
    const reply = await postGraphQL(edge.endpoint, viewer, headers)
    expect(reply.status).toBe(401)
    expect(reply.headers['www-authenticate']).toMatch(/^Bearer/)
    expect(reply.json().errors?.[0]?.extensions?.code).toBe('UNAUTHENTICATED')
    await using events = await openEvents(edge.endpoint, viewer, headers)
    expect(events.status).toBe(401)
    await expect(openSocket(edge.endpoint, { headers })).rejects.toThrow('closed with 4401')
  })

  test('the bearer is taken over HTTP, SSE and WebSocket', async () => {
    await using edge = await startEdge({ accessToken })
    expect((await postGraphQL(edge.endpoint, viewer, bearer)).json()).toEqual(seen)
    await using events = await openEvents(edge.endpoint, viewer, bearer)
    expect(await events.nextResult()).toEqual(seen)
    await using socket = await openSocket(edge.endpoint, { headers: bearer })
    expect((await runOnSocket(socket, '1', viewer)).results).toEqual([seen])
  })

  test.each([
    { token: accessToken },
    { authorization: `Bearer ${accessToken}` },
    { Authorization: `Bearer ${accessToken}` },
  ])('the payload of connection_init is taken (%#)', async (init) => {
    await using edge = await startEdge({ accessToken })
    await using socket = await openSocket(edge.endpoint, { init })
    expect((await runOnSocket(socket, '1', viewer)).results).toEqual([seen])
  })

  test.each([{ token: 'wrong' }, { token: null }, { token: 7 }, { authorization: accessToken }])(
    'a payload of connection_init that is wrong closes with 4401 (%#)',
    async (init) => {
      await using edge = await startEdge({ accessToken })
      await expect(openSocket(edge.endpoint, { init })).rejects.toThrow('closed with 4401')
    },
  )

  test('a socket that did not sign in runs nothing', async () => {
    await using edge = await startEdge({ accessToken })
    await using socket = await openSocket(edge.endpoint, { init: false })
    socket.send({ type: 'connection_init', payload: { token: 'wrong' } })
    socket.subscribe('1', viewer)
    expect((await socket.closed).code).toBe(4401)
    await expect(socket.next()).rejects.toThrow()
  })

  test('POST /session swaps the token for a cookie that opens every transport', async () => {
    await using edge = await startEdge({ accessToken })
    const reply = await signIn(edge.url, accessToken)
    const cookie = String(reply.headers['set-cookie']?.[0])
    expect(cookie).toMatch(/; HttpOnly; SameSite=Strict; Max-Age=\d+$/)
    expect(cookie).not.toContain(accessToken)
    const headers = { Cookie: `theme=dark; ${await cookieOf(edge.url)}` }
    expect((await postGraphQL(edge.endpoint, viewer, headers)).json()).toEqual(seen)
    await using events = await openEvents(edge.endpoint, viewer, headers)
    expect(await events.nextResult()).toEqual(seen)
    await using socket = await openSocket(edge.endpoint, { headers })
    expect((await runOnSocket(socket, '1', viewer)).results).toEqual([seen])
  })

  test('a cookie dies with the token that it was made from', async () => {
    await using edge = await startEdge({ accessToken })
    await using other = await startEdge({ accessToken: 'another-one' })
    const headers = { Cookie: await cookieOf(edge.url) }
    expect((await postGraphQL(other.endpoint, viewer, headers)).status).toBe(401)
  })

  test('the end of a cookie cannot be put off', async () => {
    await using edge = await startEdge({ accessToken })
    const cookie = (await cookieOf(edge.url)).replace(/=(\d+)/, (_all, end) => `=${Number(end) + 1}`)
    expect((await postGraphQL(edge.endpoint, viewer, { Cookie: cookie })).status).toBe(401)
  })

  test('DELETE /session takes the cookie back', async () => {
    await using edge = await startEdge({ accessToken })
    const reply = await sendHttp(`${edge.url}session`, { method: 'DELETE' })
    expect(reply.status).toBe(204)
    expect(reply.headers['set-cookie']?.[0]).toMatch(/^parley_session=; .*Max-Age=0/)
  })

  test('the cookie is for https only where people use https', async () => {
    await using edge = await startEdge({ accessToken, publicUrl: new URL('https://chat.example/') })
    expect((await signIn(edge.url, accessToken)).headers['set-cookie']?.[0]).toMatch(/; Secure$/)
  })

  test.each(['{"token":', '{}', '[]', 'null', '{"token":7}'])(
    'POST /session with %s is BAD_USER_INPUT',
    async (body) => {
      await using edge = await startEdge({ accessToken })
      const headers = { 'Content-Type': 'application/json' }
      const reply = await sendHttp(`${edge.url}session`, { method: 'POST', headers, body })
      expect(reply.status).toBe(400)
      expect(reply.json().errors?.[0]?.extensions?.code).toBe('BAD_USER_INPUT')
    },
  )

  test('guessing is slowed down everywhere, but a valid cookie still works', async () => {
    await using edge = await startEdge({ accessToken, limits: { failedSignInsPerMinute: 3 } })
    const Cookie = await cookieOf(edge.url)
    expect((await signIn(edge.url, 'wrong')).status).toBe(401)
    expect((await postGraphQL(edge.endpoint, viewer, { Authorization: 'Bearer wrong' })).status).toBe(401)
    await expect(openSocket(edge.endpoint, { init: { token: 'wrong' } })).rejects.toThrow('4401')
    const refused = await signIn(edge.url, accessToken)
    expect(refused.status).toBe(429)
    expect(refused.json().errors?.[0]?.extensions?.code).toBe('RATE_LIMITED')
    expect((await postGraphQL(edge.endpoint, viewer, bearer)).status).toBe(429)
    await expect(openSocket(edge.endpoint, { init: { token: accessToken } })).rejects.toThrow('1013')
    expect((await postGraphQL(edge.endpoint, viewer, { Cookie })).json()).toEqual(seen)
  })

  test('page, GraphiQL and health checks need none', async () => {
    await using edge = await startEdge({ accessToken })
    for (const path of ['', 'chat/abc', 'health', 'ready', 'favicon.ico']) {
      expect((await sendHttp(`${edge.url}${path}`)).status).toBe(200)
    }
    expect((await sendHttp(edge.endpoint, { headers: { Accept: 'text/html' } })).status).toBe(200)
  })
})
