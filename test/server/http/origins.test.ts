import { describe, expect, test } from 'vitest'
import { type Edge, startEdge } from '../../support/edge.ts'
import { openEvents, openSocket, postGraphQL, sendHttp } from '../../support/graphql-client.ts'

const hello = { query: '{ hello }' }
const touch = { query: 'mutation { touch }' }
const url = (edge: Edge, path: string) => new URL(path, edge.url).href

describe('the name that a request asks for', () => {
  const foreign = { Host: 'rebound.example' }

  test.each(['/', '/graphql?query={hello}', '/health', '/ready', '/nothing', '/favicon.ico'])(
    'has to be one of ours on %s',
    async (path) => {
      await using edge = await startEdge()
      const reply = await sendHttp(url(edge, path), { headers: foreign })
      expect(reply.status).toBe(421)
      expect(reply.json().errors?.[0]?.extensions?.code).toBe('FORBIDDEN')
    },
  )

  test('has to be one of ours for mutations, sign-ins, event streams and WebSockets', async () => {
    await using edge = await startEdge()
    expect((await postGraphQL(edge.endpoint, touch, foreign)).status).toBe(421)
    expect((await sendHttp(url(edge, '/session'), { method: 'DELETE', headers: foreign })).status).toBe(421)
    await using events = await openEvents(edge.endpoint, hello, foreign)
    expect(events.status).toBe(421)
    await expect(openSocket(edge.endpoint, { headers: foreign })).rejects.toThrow('refused with 421')
  })

  test.each(['localhost', 'LOCALHOST', 'localhost:1', '127.0.0.1', '[::1]', '[::1]:9'])(
    'may be %s',
    async (Host) => {
      await using edge = await startEdge()
      expect((await postGraphQL(edge.endpoint, hello, { Host })).status).toBe(200)
    },
  )

  test.each([
    ['chat.example', 200],
    ['chat.example:8084', 200],
    ['exact.example:8084', 200],
    ['exact.example', 421],
    ['exact.example:8085', 421],
    ['public.example', 200],
    ['sub.chat.example', 421],
    ['chat.example.evil.example', 421],
    ['localhost.evil.example', 421],
  ])('%s gives %i where some are allowed', async (Host, status) => {
    await using edge = await startEdge({
      allowedHosts: ['chat.example', 'exact.example:8084'],
      publicUrl: new URL('https://public.example/'),
    })
    expect((await postGraphQL(edge.endpoint, hello, { Host })).status).toBe(status)
  })

  test('is not taken from a proxy that nobody trusts', async () => {
    await using edge = await startEdge({ allowedHosts: ['chat.example'] })
    const headers = { Host: 'rebound.example', 'X-Forwarded-Host': 'chat.example' }
    expect((await postGraphQL(edge.endpoint, hello, headers)).status).toBe(421)
    await using trusting = await startEdge({ allowedHosts: ['chat.example'], trustProxy: true })
    expect((await postGraphQL(trusting.endpoint, hello, headers)).status).toBe(200)
  })
})

describe('the origin of a page', () => {
  const settings = {
    allowedOrigins: ['https://app.example'],
    publicUrl: new URL('https://public.example/'),
  }

  test.each([
    ['https://app.example', true],
    ['https://public.example', true],
    ['http://localhost:4242', true],
    ['http://localhost:4243', false],
    ['http://evil.example', false],
    ['http://app.example', false],
    ['https://app.example.evil.example', false],
    ['null', false],
    ['nonsense', false],
  ])('%s: %s, over every transport', async (Origin, served) => {
    await using edge = await startEdge(settings)
    const headers = { Host: 'localhost:4242', Origin }
    const status = served ? 200 : 403
    expect((await postGraphQL(edge.endpoint, hello, headers)).status).toBe(status)
    await using events = await openEvents(edge.endpoint, hello, headers)
    expect(events.status).toBe(status)
    const socket = openSocket(edge.endpoint, { headers })
    if (served) await (await socket)[Symbol.asyncDispose]()
    else await expect(socket).rejects.toThrow('refused with 403')
    const session = await sendHttp(url(edge, '/session'), { method: 'DELETE', headers })
    expect(session.status).toBe(served ? 204 : 403)
  })

  test('may be missing: scripts have none', async () => {
    await using edge = await startEdge()
    expect((await postGraphQL(edge.endpoint, touch)).json()).toEqual({ data: { touch: 'touched' } })
  })

  test.each([
    ['none', 200],
    ['same-origin', 200],
    ['same-site', 200],
    ['cross-site', 403],
  ])('a GET that a browser calls %s gives %i', async (site, status) => {
    await using edge = await startEdge()
    const headers = { 'Sec-Fetch-Site': site }
    expect((await sendHttp(`${edge.endpoint}?query={hello}`, { headers })).status).toBe(status)
    await using events = await openEvents(edge.endpoint, hello, headers)
    expect(events.status).toBe(status)
  })

  test('an allowed one may be another site', async () => {
    await using edge = await startEdge(settings)
    const headers = { Origin: 'https://app.example', 'Sec-Fetch-Site': 'cross-site' }
    expect((await sendHttp(`${edge.endpoint}?query={hello}`, { headers })).status).toBe(200)
  })

  test('a link from another site still opens GraphiQL and the page', async () => {
    await using edge = await startEdge()
    const headers = { 'Sec-Fetch-Site': 'cross-site', Accept: 'text/html' }
    expect((await sendHttp(edge.endpoint, { headers })).status).toBe(200)
    expect((await sendHttp(edge.url, { headers })).status).toBe(200)
  })
})

describe('what a browser sends without asking first', () => {
  const body = JSON.stringify(touch)

  test.each([
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'application/graphql',
    undefined,
  ])('a POST as %s is refused', async (type) => {
    await using edge = await startEdge()
    const headers: Record<string, string> = type ? { 'Content-Type': type } : {}
    const reply = await sendHttp(edge.endpoint, { method: 'POST', headers, body })
    expect(reply.status).toBe(415)
    expect(reply.json().errors?.[0]?.extensions?.code).toBe('BAD_USER_INPUT')
    const session = await sendHttp(url(edge, '/session'), { method: 'POST', headers, body: '{"token":"x"}' })
    expect(session.status).toBe(415)
  })

  test.each(['application/json', 'application/json;charset=utf-8', 'Application/JSON ; charset=utf-8'])(
    'a POST as %s is taken',
    async (type) => {
      await using edge = await startEdge()
      const reply = await sendHttp(edge.endpoint, { method: 'POST', headers: { 'Content-Type': type }, body })
      expect(reply.json()).toEqual({ data: { touch: 'touched' } })
    },
  )

  test('a POST that carries the header of a preflight is taken', async () => {
    await using edge = await startEdge()
    const reply = await sendHttp(edge.endpoint, {
      method: 'POST',
      headers: { 'Content-Type': 'application/x-www-form-urlencoded', 'GraphQL-Require-Preflight': '1' },
      body: 'query=mutation{touch}',
    })
    expect(reply.json()).toEqual({ data: { touch: 'touched' } })
  })

  test('a GET cannot change anything', async () => {
    await using edge = await startEdge()
    const reply = await sendHttp(`${edge.endpoint}?query=mutation{touch}`)
    expect(reply.status).toBe(405)
    expect(reply.json().errors?.[0]?.extensions?.code).toBe('BAD_USER_INPUT')
    await using events = await openEvents(edge.endpoint, touch)
    expect((await events.nextResult())?.errors?.[0]?.extensions?.code).toBe('BAD_USER_INPUT')
  })
})

describe('CORS', () => {
  const preflight = {
    'Access-Control-Request-Method': 'POST',
    'Access-Control-Request-Headers': 'content-type,authorization',
  }

  test('an allowed origin may read responses, with its credentials', async () => {
    await using edge = await startEdge({ allowedOrigins: ['https://app.example'] })
    const headers = { Origin: 'https://app.example' }
    const asked = await sendHttp(edge.endpoint, { method: 'OPTIONS', headers: { ...headers, ...preflight } })
    expect(asked.status).toBe(204)
    expect(asked.headers).toMatchObject({
      'access-control-allow-origin': 'https://app.example',
      'access-control-allow-credentials': 'true',
      'access-control-allow-methods': expect.stringContaining('POST'),
      'access-control-allow-headers': expect.stringMatching(/content-type.*authorization/i),
      vary: 'Origin',
    })
    const reply = await postGraphQL(edge.endpoint, hello, headers)
    expect(reply.headers['access-control-allow-origin']).toBe('https://app.example')
  })

  test.each(['https://evil.example', 'null', 'https://app.example.evil.example'])(
    'nothing is opened to %s',
    async (Origin) => {
      await using edge = await startEdge({ allowedOrigins: ['https://app.example'] })
      for (const method of ['OPTIONS', 'POST', 'GET']) {
        const reply = await sendHttp(edge.endpoint, { method, headers: { Origin, ...preflight } })
        expect(
          Object.keys(reply.headers).filter((name) => name.startsWith('access-control-allow-o')),
        ).toEqual([])
        expect(reply.headers['access-control-allow-credentials']).toBeUndefined()
      }
    },
  )

  test('nothing is opened by default, nor beside the API', async () => {
    await using edge = await startEdge()
    const reply = await sendHttp(edge.endpoint, {
      method: 'OPTIONS',
      headers: { Origin: edge.url, ...preflight },
    })
    expect(reply.headers['access-control-allow-origin']).toBeUndefined()
    await using open = await startEdge({ allowedOrigins: ['https://app.example'] })
    const page = await sendHttp(open.url, { headers: { Origin: 'https://app.example' } })
    expect(page.headers['access-control-allow-origin']).toBeUndefined()
  })
})
