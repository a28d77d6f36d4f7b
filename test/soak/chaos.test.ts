import { describe, expect, test } from 'vitest'
import { startApp } from '../support/app.ts'
import { startChaosProxy } from '../support/chaos-proxy.ts'
import { databases } from '../support/databases.ts'
import { answerAll, expectOnce, People } from '../support/people.ts'
import { announcedRandom } from '../support/random.ts'
import { startScriptedUpstream } from '../support/scripted-provider.ts'
import { amount, patient } from './amount.ts'

/** Answers that people read to their ends. */
const answers = amount('CHAOS', { few: 30, many: 4_000 })
const crowd = 10

describe.each(databases)('behind a network that harms 30 % of everything, on $name,', ({ name, create }) => {
  test('every question is asked, answered and read once', patient, async () => {
    const random = announcedRandom(`chaos on ${name}`)
    await using place = await create()
    await using upstream = await startScriptedUpstream()
    await using app = await startApp({ place, upstream })
    await using proxy = await startChaosProxy(app.url, random)
    void answerAll(upstream, random)
    const people = new People(() => proxy.url, random)
    const counting = async () => {
      while (people.talks.size < answers) {
        const before = people.talks.size
        await people.hear(1)
        if (people.talks.size > before && people.talks.size % 200 === 0)
          console.log(`chaos on ${name}: ${people.talks.size} of ${answers}`)
      }
      people.leave()
    }
    await Promise.all([people.stay(crowd), counting()])
    console.log(`chaos on ${name}: ${people.talks.size} answers, ${JSON.stringify(proxy.done)}`)
    await expectOnce(app.db, people, upstream, { restarts: false })
    expect(proxy.done.cut).toBeGreaterThan(0)
  })
})
