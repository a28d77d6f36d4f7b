import { once } from 'node:events'
import { Readable } from 'node:stream'
import { expect, test } from 'vitest'
import { chunksOf } from '../../../src/server/llm/chunks.ts'

test('a stream that has closed before anybody reads it fails, and is not waited for', async () => {
  const stream = new Readable({ read() {} })
  stream.destroy()
  await once(stream, 'close')
  await expect(chunksOf(stream).next()).rejects.toThrow('The connection was closed')
})

test('a stream that fails gives what came before, and then fails', async () => {
  const stream = new Readable({ read() {} })
  const chunks = chunksOf(stream)
  const first = chunks.next()
  stream.push('one')
  expect(String((await first).value)).toBe('one')
  stream.push('two')
  stream.destroy(new Error('broken'))
  expect(String((await chunks.next()).value)).toBe('two')
  await expect(chunks.next()).rejects.toThrow('broken')
})
