import { setImmediate } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { SharedReads } from '../../../src/server/db/shared-reads.ts'

test('what several ask for at once is read once, after all of them have asked', async () => {
  const reads = new SharedReads()
  const done: string[] = []
  const ask = (who: string) =>
    reads.once('events', async () => {
      done.push(who)
      return done.length
    })
  const first = ask('first')
  // What is woken by one promise goes on in microtasks of its own, some later than others.
  const second = Promise.resolve()
    .then(() => {})
    .then(() => ask('second'))
  expect(done).toEqual([])
  expect(await Promise.all([first, second])).toEqual([1, 1])
  expect(done).toEqual(['first'])
})

test('nobody is given what was read before they asked', async () => {
  const reads = new SharedReads()
  let version = 1
  const answer = Promise.withResolvers<void>()
  const read = async () => {
    const seen = version
    await answer.promise
    return seen
  }
  const early = reads.once('row', read)
  await setImmediate()
  version = 2
  const late = reads.once('row', read)
  answer.resolve()
  expect(await Promise.all([early, late])).toEqual([1, 2])
})

test('everybody hears of a failure, and whoever asks again may be luckier', async () => {
  const reads = new SharedReads()
  const failing = () => Promise.reject(new Error('away'))
  const results = await Promise.allSettled([reads.once('row', failing), reads.once('row', failing)])
  expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
  expect(await reads.once('row', async () => 'here')).toBe('here')
})
