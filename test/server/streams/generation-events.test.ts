import { describe, expect, test } from 'vitest'
import { startApp, type TestApp } from '../../support/app.ts'
import { databases } from '../../support/databases.ts'
import { fold, type Held, nothingHeld } from '../../support/fold.ts'
import { automaticText, startScriptedUpstream } from '../../support/scripted-provider.ts'

describe.each(databases)('generationEvents on $name', ({ create }) => {
  test('an answer is read live, in order, and ends with the whole message', async () => {
    await using place = await create()
    await using upstream = await startScriptedUpstream()
    await using app = await startApp({ place, upstream })
    const { generationId } = await app.ask(await app.createConversation())
    const events = app.follow(generationId)
    await upstream.request()
    const types: string[] = []
    let held = nothingHeld
    let said = 0
    for await (const event of events) {
      types.push(event.__typename)
      held = fold(held, event)
      const words = ['Hello', ' wor', 'ld']
      const next = words[said]
      // The upstream goes on only when what it said has been seen: no delta can be merged with the next.
      if (held.texts.join('') === words.slice(0, said).join('') && next) {
        await upstream.text(next)
        said += 1
      } else if (held.texts[0] === 'Hello world' && event.__typename === 'PartDelta') await upstream.finish()
      if (event.__typename === 'GenerationFinished') {
        expect(event.generation).toMatchObject({
          status: 'COMPLETED',
          finishReason: 'STOP',
          message: { text: 'Hello world', status: 'COMPLETED' },
        })
      }
    }
    expect(types.filter((type) => type !== 'GenerationChanged')).toEqual([
      'PartDelta',
      'PartDelta',
      'PartDelta',
      'PartFinished',
      'GenerationFinished',
    ])
  })

  test('a reader that comes back with its cursor after any event gets the rest and nothing else', async () => {
    await using place = await create()
    await using upstream = await startScriptedUpstream({ automatic: { tokens: 60, pace: 5 } })
    await using app = await startApp({ place, upstream })
    const { generationId, answerId } = await app.ask(await app.createConversation())
    const readers = await Promise.all([
      readReconnecting(app, generationId, 'WebSocket', 1),
      readReconnecting(app, generationId, 'SSE', 1),
      readReconnecting(app, generationId, 'WebSocket', 3),
      readReconnecting(app, generationId, 'SSE', 4),
    ])
    for (const held of readers) expect(held.texts).toEqual([automaticText(60)])
    expect((await app.message(answerId)).text).toBe(automaticText(60))
  })

  test('an answer that ended long ago is replayed from its beginning as few merged deltas', async () => {
    await using place = await create()
    await using upstream = await startScriptedUpstream({ automatic: { tokens: 20_000 } })
    await using app = await startApp({ place, upstream })
    const { generationId, answerId } = await app.ask(await app.createConversation())
    for await (const _ of app.follow(generationId));
    let held = nothingHeld
    let deltas = 0
    for await (const event of app.follow(generationId)) {
      held = fold(held, event)
      if (event.__typename === 'PartDelta') deltas += 1
    }
    const { text } = await app.message(answerId)
    expect(held.texts).toEqual([automaticText(20_000)])
    expect(text).toBe(held.texts[0])
    expect(deltas).toBe(Math.ceil(text.length / 32_000))
  })

  test('a cursor at the end completes at once, and every other cursor of a finished run gets exactly the rest', async () => {
    await using place = await create()
    await using upstream = await startScriptedUpstream({ automatic: { tokens: 30, pace: 2 } })
    await using app = await startApp({ place, upstream })
    const { generationId } = await app.ask(await app.createConversation())
    const seen: Held[] = []
    let held = nothingHeld
    for await (const event of app.follow(generationId)) {
      held = fold(held, event)
      seen.push(held)
    }
    for (const point of seen) {
      let rest = point
      for await (const event of app.follow(generationId, { after: point.cursor })) rest = fold(rest, event)
      expect(rest.texts).toEqual(held.texts)
    }
    const afterTheEnd = []
    for await (const event of app.follow(generationId, { after: held.cursor })) afterTheEnd.push(event)
    expect(afterTheEnd).toEqual([])
  })

  test('reasoning and text are parts of their own, each finished before the next', async () => {
    await using place = await create()
    await using upstream = await startScriptedUpstream()
    await using app = await startApp({ place, upstream })
    const { generationId, answerId } = await app.ask(await app.createConversation())
    await upstream.request()
    await upstream.reasoning('Let me think')
    await upstream.text('Because 👩‍👩‍👧‍👦 سلام')
    await upstream.finish()
    const finished = []
    for await (const event of app.follow(generationId)) {
      if (event.__typename === 'PartFinished') finished.push(event.part)
    }
    expect(finished).toEqual([
      { __typename: 'ReasoningPart', index: 0, text: 'Let me think' },
      { __typename: 'TextPart', index: 1, text: 'Because 👩‍👩‍👧‍👦 سلام' },
    ])
    expect((await app.message(answerId)).text).toBe('Because 👩‍👩‍👧‍👦 سلام')
  })
})

/** Reads to the end, over a new connection after every `patience` events, each time from the last cursor. */
async function readReconnecting(
  app: TestApp,
  generationId: string,
  over: 'WebSocket' | 'SSE',
  patience: number,
): Promise<Held> {
  let held = nothingHeld
  for (;;) {
    let events = 0
    for await (const event of app.follow(generationId, { after: held.cursor, over })) {
      held = fold(held, event)
      if (event.__typename === 'GenerationFinished') return held
      events += 1
      if (events === patience) break
    }
  }
}
