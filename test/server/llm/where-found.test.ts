import { describe, expect, test } from 'vitest'
import { vendors } from '../../../src/server/llm/openai-vendors.ts'
import type { ChatProvider } from '../../../src/server/llm/provider.ts'
import { whereFound } from '../../../src/server/llm/where-found.ts'
import { type ByteRequest, response, startByteServer, streamHead } from '../../support/byte-server.ts'
import { freePort } from '../../support/free-port.ts'
import { ask } from '../../support/llm.ts'
import { answer, listedModel, modelList } from '../../support/openai-frames.ts'
import { openai, vendorAt } from '../../support/wires.ts'

/** Something that nobody set up at `url`, and how often it was loaded. */
function found(url: string): { provider: ChatProvider; loads: () => number } {
  let loads = 0
  const load = async () => {
    loads += 1
    return vendorAt(vendors.ollama, url, {}, null)
  }
  return { provider: whereFound(vendors.ollama, url, load), loads: () => loads }
}

const signal = new AbortController().signal

async function speak(request: ByteRequest): Promise<void> {
  const list = response(200, 'application/json', modelList(listedModel('llama3')))
  await request.write(request.method === 'GET' ? list : streamHead + answer('Hi'))
  request.end()
}

describe('a provider that nobody set up', () => {
  test('has no models where nobody listens, and is not loaded', async () => {
    const { provider, loads } = found(`http://127.0.0.1:${await freePort()}`)
    expect(provider).toMatchObject({ name: 'ollama', displayName: 'Ollama', knownModels: [] })
    expect(await provider.listModels(signal)).toEqual([])
    expect(loads()).toBe(0)
  })

  test('has no models where there is no such name', async () => {
    expect(await found('http://no-such-host.invalid').provider.listModels(signal)).toEqual([])
  })

  test('lists and answers where somebody listens, and is loaded once', async () => {
    await using server = await startByteServer((request) => void speak(request))
    const { provider, loads } = found(server.url)
    expect((await provider.listModels(signal)).map(({ name }) => name)).toEqual(['llama3'])
    expect(await provider.listModels(signal)).toHaveLength(1)
    expect(await ask(provider, openai.question())).toMatchObject({ text: 'Hi', finish: 'STOP' })
    expect(loads()).toBe(1)
  })

  test('is found by a name as well', async () => {
    await using server = await startByteServer((request) => void speak(request))
    const { provider } = found(server.url.replace('127.0.0.1', 'localhost'))
    expect(await provider.listModels(signal)).toHaveLength(1)
  })

  test('appears and goes with what listens', async () => {
    const server = await startByteServer((request) => void speak(request))
    const { provider } = found(server.url)
    expect(await provider.listModels(signal)).toHaveLength(1)
    await server.close()
    expect(await provider.listModels(signal)).toEqual([])
  })

  test('fails as any other where what listens is something else', async () => {
    await using server = await startByteServer(
      (request) => void request.write(response(200, 'text/html', '<h1>Hi</h1>')),
    )
    await expect(found(server.url).provider.listModels(signal)).rejects.toMatchObject({
      code: 'PROVIDER_BAD_RESPONSE',
    })
  })

  test('is not looked for when nobody wants it any more', async () => {
    const stop = new Error('Closing')
    const { provider, loads } = found('http://127.0.0.1:9')
    await expect(provider.listModels(AbortSignal.abort(stop))).rejects.toBe(stop)
    expect(loads()).toBe(0)
  })
})
