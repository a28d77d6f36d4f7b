import { describe, expect, test } from 'vitest'
import { clientOf } from '../support/app.ts'
import { databases } from '../support/databases.ts'
import { eventually } from '../support/eventually.ts'
import { freePort } from '../support/free-port.ts'
import { sendHttp } from '../support/graphql-client.ts'
import { isHaproxyThere, startHaproxy } from '../support/haproxy.ts'
import { startParley } from '../support/parley.ts'
import { Reading } from '../support/reading.ts'
import { startScriptedUpstream } from '../support/scripted-provider.ts'

describe.skipIf(!isHaproxyThere)('two processes behind the load balancer of docs/compose', () => {
  test('are restarted without a request that fails, or an answer that is cut', async () => {
    await using place = await databases.find(({ name }) => name === 'Postgres')!.create()
    await using upstream = await startScriptedUpstream()
    const ports = [await freePort(), await freePort()]
    const start = (port: number) => {
      const settings = { PORT: String(port), TRUST_PROXY: 'true', PARLEY_GRACE: '30s' }
      return startParley({ place, upstream, settings })
    }
    await using first = await start(ports[0]!)
    await using second = await start(ports[1]!)
    await using balancer = await startHaproxy([first.url, second.url])
    await eventually(async () => expect(await servedBy(balancer.url, 20)).toHaveLength(2))

    const parley = clientOf(balancer.url)
    const isOver = new AbortController()
    const requests = requestUntil(isOver.signal, () => parley.run('{ viewer { id } }'))
    const asked = await first.ask(await first.createConversation())
    const run = await upstream.request()
    const readings = (['WebSocket', 'SSE', 'WebSocket', 'SSE'] as const).map(
      (over) => new Reading(parley.follow(asked.generationId, { over })),
    )
    await run.text('Before, ')
    for (const reading of readings) await reading.holds(asked.answerId, 'Before, ')

    const stopped = first.stop()
    await eventually(async () => expect(await servedBy(balancer.url, 20)).toEqual(['parley-2']))
    await run.text('after.')
    for (const reading of readings) await reading.holds(asked.answerId, 'Before, after.')
    await run.finish()
    for (const reading of readings) await reading.ended
    expect(await stopped).toEqual({ code: 0, signal: null, errors: '' })
    await using again = await start(ports[0]!)
    await eventually(async () => expect(await servedBy(balancer.url, 20)).toHaveLength(2))

    isOver.abort()
    expect(await requests).toBeGreaterThan(0)
    expect(await parley.message(asked.answerId)).toMatchObject({
      status: 'COMPLETED',
      text: 'Before, after.',
    })
    expect((await again.stop()).code).toBe(0)
  })
})

/** The servers that so many requests went to. */
async function servedBy(url: string, count: number): Promise<string[]> {
  const names = new Set<string>()
  for (let request = 0; request < count; request += 1) {
    const { status, headers } = await sendHttp(new URL('/health', url).href)
    expect(status).toBe(200)
    names.add(String(headers['x-served-by']))
  }
  return [...names]
}

/** Makes one request after the other, and answers with how many there were; rejects when one fails. */
async function requestUntil(signal: AbortSignal, request: () => Promise<unknown>): Promise<number> {
  let count = 0
  for (; !signal.aborted; count += 1) await request()
  return count
}
