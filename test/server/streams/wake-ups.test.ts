import { describe, expect, test } from 'vitest'
import { type GenerationId, newId } from '../../../src/server/ids.ts'
import { createWakeUps, type Topic } from '../../../src/server/streams/wake-ups.ts'

describe('wake-ups', () => {
  const never = new AbortController().signal

  test('a topic counts as woken when somebody begins to listen, and again when it is woken', async () => {
    const wakeUps = createWakeUps()
    const topic = topicOf()
    using listener = wakeUps.listen([topic])
    expect(listener.take()).toEqual(new Set([topic]))
    expect(listener.take()).toEqual(new Set())
    const woken = listener.woken(never)
    wakeUps.wake([topic, topicOf()])
    await woken
    expect(listener.take()).toEqual(new Set([topic]))
  })

  test('what was woken between taking and waiting ends the wait at once', async () => {
    const wakeUps = createWakeUps()
    const topic = topicOf()
    using listener = wakeUps.listen([topic])
    listener.take()
    for (let times = 0; times < 1000; times++) wakeUps.wake([topic])
    await listener.woken(never)
    expect(listener.take()).toEqual(new Set([topic]))
  })

  test('a wait ends by abort and by its time', async () => {
    using listener = createWakeUps().listen([topicOf()])
    listener.take()
    await listener.woken(AbortSignal.abort())
    const abort = new AbortController()
    const aborted = listener.woken(abort.signal)
    abort.abort()
    await aborted
    await listener.woken(never, 5)
    expect(listener.take()).toEqual(new Set())
  })

  test('who has gone is not listened for any more', () => {
    const wakeUps = createWakeUps()
    const [one, other] = [topicOf(), topicOf()]
    const listener = wakeUps.listen([one, other])
    const second = wakeUps.listen([one])
    listener.remove(other)
    expect(wakeUps.watched()).toEqual([one])
    listener[Symbol.dispose]()
    expect(wakeUps.watched()).toEqual([one])
    second[Symbol.dispose]()
    expect(wakeUps.watched()).toEqual([])
  })
})

function topicOf(): Topic {
  return `run:${newId<GenerationId>()}`
}
