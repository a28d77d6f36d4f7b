import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { brotliDecompressSync, gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { StartError } from '../../../src/server/errors.ts'
import { createPageSource } from '../../../src/server/http/page.ts'
import { type Edge, startEdge } from '../../support/edge.ts'
import { postGraphQL, sendHttp } from '../../support/graphql-client.ts'

const script = `console.log(${JSON.stringify('Parley '.repeat(200))})`

let folder: string
let edge: Edge

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'parley-page-'))
  await mkdir(join(folder, 'assets'))
  await writeFile(
    join(folder, 'index.html'),
    '<!doctype html><script type=module src=/assets/app-1a2b.js></script>',
  )
  await writeFile(join(folder, 'assets/app-1a2b.js'), script)
  await writeFile(join(folder, 'robots.txt'), 'User-agent: *')
  edge = await startEdge({ page: createPageSource(folder) })
})
afterAll(async () => {
  await edge.close()
  await rm(folder, { recursive: true })
})

const get = (path: string, headers: Record<string, string> = {}) =>
  sendHttp(new URL(path, edge.url).href, { headers })

describe('the page', () => {
  test.each(['/', '/index.html', '/chat/0197-abc', '/chat/x?m=1'])(
    'is at %s, under a strict policy',
    async (path) => {
      const reply = await get(path)
      expect(reply.status).toBe(200)
      expect(reply.text).toContain('<!doctype html>')
      expect(reply.headers).toMatchObject({
        'content-type': 'text/html; charset=utf-8',
        'cache-control': 'no-cache',
        'x-content-type-options': 'nosniff',
        'referrer-policy': 'no-referrer',
      })
      const policy = String(reply.headers['content-security-policy'])
      expect(policy).toContain("default-src 'none'")
      expect(policy).toContain("script-src 'self';")
      expect(policy).toContain("frame-ancestors 'none'")
      expect(policy).not.toMatch(/script-src[^;]*unsafe|https?:|\*/)
    },
  )

  test('is fetched again only when it has changed', async () => {
    const first = await get('/')
    const again = await get('/', { 'If-None-Match': String(first.headers.etag) })
    expect(again.status).toBe(304)
    expect(again.text).toBe('')
    expect((await get('/', { 'If-None-Match': '"other"' })).status).toBe(200)
  })

  test('has files that browsers keep for good, because their names change with them', async () => {
    const reply = await get('/assets/app-1a2b.js')
    expect(reply.text).toBe(script)
    expect(reply.headers).toMatchObject({
      'content-type': 'text/javascript; charset=utf-8',
      'cache-control': 'public, max-age=31536000, immutable',
      vary: 'Accept-Encoding',
    })
    expect((await get('/robots.txt')).headers['cache-control']).toBe('public, max-age=3600')
  })

  test.each([
    ['br', 'br', brotliDecompressSync],
    ['gzip, deflate, br', 'br', brotliDecompressSync],
    ['gzip', 'gzip', gunzipSync],
    ['br;q=0, gzip', 'gzip', gunzipSync],
    ['identity', undefined, (body: Buffer) => body],
  ])('is compressed for who accepts %s', async (accept, encoding, decode) => {
    const reply = await get('/assets/app-1a2b.js', { 'Accept-Encoding': accept })
    expect(reply.headers['content-encoding']).toBe(encoding)
    expect(decode(reply.body).toString()).toBe(script)
  })

  test('says how to build it where it has not been, and is there once it has', async () => {
    const empty = await mkdtemp(join(tmpdir(), 'parley-page-'))
    await using unbuilt = await startEdge({ page: createPageSource(empty) })
    const reply = await sendHttp(unbuilt.url)
    expect(reply.status).toBe(200)
    expect(reply.text).toContain('npm run build')
    await writeFile(join(empty, 'index.html'), 'built')
    expect((await sendHttp(unbuilt.url)).text).toBe('built')
    await rm(empty, { recursive: true })
  })

  test.each(['/favicon.svg', '/favicon.ico'])('has an icon at %s', async (path) => {
    expect((await get(path)).headers['content-type']).toBe('image/svg+xml')
  })
})

describe('GraphiQL', () => {
  const browser = { Accept: 'text/html,application/xhtml+xml,*/*;q=0.8' }

  test('is what a browser gets at /graphql, and everything that it loads is ours', async () => {
    const reply = await get('/graphql', browser)
    expect(reply.headers['content-type']).toBe('text/html; charset=utf-8')
    expect(reply.text).toContain('GraphiQL')
    expect(reply.text).not.toMatch(/https?:\/\//)
    const loaded = [...reply.text.matchAll(/(?:src|href)="([^"]*)"/g)].map((match) => String(match[1]))
    expect(loaded.length).toBeGreaterThanOrEqual(3)
    for (const path of loaded) {
      expect(path).toMatch(/^\/\w/)
      expect((await get(path)).status).toBe(200)
    }
  })

  test('has its own policy, which names no other place either', async () => {
    const policy = String((await get('/graphql', browser)).headers['content-security-policy'])
    expect(policy).toContain("default-src 'none'")
    expect(policy).toContain("frame-ancestors 'none'")
    expect(policy).not.toMatch(/script-src[^;]*unsafe|https?:|\*/)
  })

  test('has a script that a browser keeps', async () => {
    const [path] = /\/graphiql\/[^"]*\.js/.exec((await get('/graphql', browser)).text) ?? []
    const reply = await get(String(path))
    expect(reply.text).toContain('renderYogaGraphiQL')
    expect(reply.text).not.toContain('<script>\n')
    expect(reply.headers['cache-control']).toContain('immutable')
  })
})

describe('health', () => {
  test.each(['/health', '/api/health'])('%s says that the process lives', async (path) => {
    const reply = await get(path)
    expect(reply.json()).toEqual({ status: 'ok' })
    expect(reply.headers['cache-control']).toBe('no-store')
  })

  test('/ready follows the database', async () => {
    let ready: () => Promise<boolean> = async () => true
    await using server = await startEdge({ ready: () => ready() })
    expect((await sendHttp(`${server.url}ready`)).status).toBe(200)
    ready = async () => false
    expect((await sendHttp(`${server.url}ready`)).status).toBe(503)
    ready = () => Promise.reject(new Error('away'))
    expect((await sendHttp(`${server.url}ready`)).status).toBe(503)
    expect((await sendHttp(`${server.url}health`)).status).toBe(200)
  })
})

describe('other requests', () => {
  test.each([
    '/nothing',
    '/chat',
    '/chat/',
    '/chat/a/b',
    '/graphql/',
    '/assets/../index.html/x',
    '/%2e%2e/etc/passwd',
  ])('%s is not found', async (path) => {
    const reply = await sendHttp(edge.url.slice(0, -1) + path)
    expect(reply.status).toBe(404)
    expect(reply.json().errors?.[0]?.extensions).toEqual({ code: 'NOT_FOUND' })
  })

  test.each([
    ['PUT', '/graphql', 'GET, POST, OPTIONS'],
    ['HEAD', '/graphql', 'GET, POST, OPTIONS'],
    ['GET', '/session', 'POST, DELETE, OPTIONS'],
    ['POST', '/health', 'GET, HEAD, OPTIONS'],
    ['DELETE', '/', 'GET, HEAD, OPTIONS'],
    ['POST', '/chat/x', 'GET, HEAD, OPTIONS'],
  ])('%s %s is 405 and names what is taken', async (method, path, allow) => {
    const reply = await sendHttp(new URL(path, edge.url).href, { method })
    expect(reply.status).toBe(405)
    expect(reply.headers.allow).toBe(allow)
  })

  test.each([
    ['/graphql', 'GET, POST, OPTIONS'],
    ['/', 'GET, HEAD, OPTIONS'],
  ])('OPTIONS %s names what is taken', async (path, allow) => {
    const reply = await sendHttp(new URL(path, edge.url).href, { method: 'OPTIONS' })
    expect(reply.status).toBe(204)
    expect(reply.headers.allow).toBe(allow)
  })

  test.each(['/', '/health', '/assets/app-1a2b.js'])('HEAD %s is GET without its body', async (path) => {
    const url = new URL(path, edge.url).href
    const [head, full] = [await sendHttp(url, { method: 'HEAD' }), await sendHttp(url)]
    expect(head.status).toBe(200)
    expect(head.text).toBe('')
    expect(head.headers['content-length']).toBe(full.headers['content-length'])
  })

  test('an offer of HTTP/2 is declined by answering without it', async () => {
    const headers = {
      Connection: 'Upgrade, HTTP2-Settings',
      Upgrade: 'h2c',
      'HTTP2-Settings': 'AAMAAABkAAQAoAAAAAIAAAAA',
    }
    expect((await get('/health', headers)).status).toBe(200)
  })

  test('a failure of our own is masked, with the id under which it is logged', async () => {
    await using broken = await startEdge({ page: () => Promise.reject(new Error('a secret of the disk')) })
    const reply = await sendHttp(broken.url)
    expect(reply.status).toBe(500)
    const { code, requestId } = reply.json().errors?.[0]?.extensions ?? {}
    expect(code).toBe('INTERNAL_SERVER_ERROR')
    expect(reply.text).not.toContain('secret')
    expect(broken.log.find((entry) => entry.requestId === requestId)).toMatchObject({
      err: { message: 'a secret of the disk' },
    })
  })
})

test('every answer of the API has an id', async () => {
  const reply = await postGraphQL(edge.endpoint, { query: '{ hello }' })
  expect(reply.headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/)
  expect(reply.headers['cache-control']).toBe('no-store')
})

test('a port that is taken is a line that says how to go on', async () => {
  const started = startEdge({ port: edge.port })
  await expect(started).rejects.toThrow(StartError)
  await expect(started).rejects.toThrow(/^Cannot listen on 127\.0\.0\.1:\d+: the port is taken; .*PORT/)
})
