import { describe, expect, test } from 'vitest'
import { startApp, type TestApp } from '../support/app.ts'
import { databases } from '../support/databases.ts'
import { fold, nothingHeld } from '../support/fold.ts'
import { postGraphQL, sendHttp } from '../support/graphql-client.ts'
import { startScriptedUpstream } from '../support/scripted-provider.ts'
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts'

/** The embedded database can only be away together with its process. */
describe('while the database is away on Postgres', () => {
  test.each(['gone', 'silent'] as const)(
    '(%s) the server lives, says that it is not ready, and goes on afterwards',
    async (how) => {
      await using place = await databases.find(({ name }) => name === 'Postgres')!.create()
      await using proxy = await proxyOf(place.databaseUrl)
      await using app = await startApp({
        place: { ...place, databaseUrl: proxy.url },
        settings: { PARLEY_TIMEOUT_READY: '300ms', PARLEY_TIMEOUT_OPERATION: '1s' },
      })
      expect(await statusOf(app, 'ready')).toBe(200)
      proxy.set(how)
      expect(await statusOf(app, 'ready')).toBe(503)
      expect(await statusOf(app, 'health')).toBe(200)
      const refused = (await postGraphQL(app.endpoint, { query: '{ viewer { id } }' })).json()
      expect(refused.errors?.[0]?.extensions).toMatchObject({
        code: 'INTERNAL_SERVER_ERROR',
        requestId: expect.any(String),
      })
      proxy.set('open')
      while ((await statusOf(app, 'ready')) !== 200);
      await app.ask(await app.createConversation())
    },
  )

  test('an answer under way keeps its text, and comes to a typed end', async () => {
    await using place = await databases.find(({ name }) => name === 'Postgres')!.create()
    await using proxy = await proxyOf(place.databaseUrl)
    await using upstream = await startScriptedUpstream()
    const settings = {
      PARLEY_INTERVAL_PROCESS_HEARTBEAT: '200ms',
      PARLEY_TIMEOUT_PROCESS_EXPIRY: '1s',
      PARLEY_TIMEOUT_READY: '300ms',
    }
    await using app = await startApp({ place: { ...place, databaseUrl: proxy.url }, upstream, settings })
    const conversation = await app.createConversation()
    const { generationId, answerId } = await app.ask(conversation)
    await upstream.request()
    await upstream.text('Before. ')
    let held = nothingHeld
    for await (const event of app.follow(generationId)) {
      held = fold(held, event)
      if (held.texts[0] === 'Before. ') break
    }
    proxy.set('gone')
    await upstream.text('During. ')
    await upstream.finish()
    expect(await statusOf(app, 'ready')).toBe(503)
    proxy.set('open')
    while ((await statusOf(app, 'ready')) !== 200);
    for await (const event of app.follow(generationId, { after: held.cursor })) held = fold(held, event)
    const message = await app.message(answerId)
    expect(['COMPLETED', 'INTERRUPTED']).toContain(message.status)
    expect(message.text).toMatch(/^Before\. (During\. )?$/)
    expect(held.texts).toEqual([message.text])
  })
})

async function proxyOf(databaseUrl: string | null): Promise<TcpProxy & { url: string }> {
  const url = new URL(databaseUrl ?? '')
  const folder = url.searchParams.get('host')
  const port = Number(url.port || url.searchParams.get('port') || 5432)
  const target = folder ? { path: `${folder}/.s.PGSQL.${port}` } : { host: url.hostname, port }
  const proxy = await startTcpProxy(target)
  return {
    ...proxy,
    url: `postgres://${url.username || 'postgres'}:${url.password}@127.0.0.1:${proxy.port}${url.pathname}`,
  }
}

async function statusOf(app: TestApp, path: string): Promise<number> {
  return (await sendHttp(new URL(path, app.url).href)).status
}
