import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { databases, type Place } from '../support/databases.ts'
import { MortalServer } from '../support/mortal-server.ts'
import { startParley } from '../support/parley.ts'
import { answerAll, expectCommitted, expectOnce, People } from '../support/people.ts'
import { announcedRandom } from '../support/random.ts'
import { Reading } from '../support/reading.ts'
import { startScriptedUpstream } from '../support/scripted-provider.ts'
import { amount, patient } from './amount.ts'

/** How often the process is killed, always on the same data. */
const kills = {
  PGlite: amount('KILLS', { few: 15, many: 500 }),
  Postgres: amount('KILLS', { few: 35, many: 500 }),
}
/** People who talk to it all the time. */
const crowd = 6
/** What a process is given at the most, once it has started: things that people hear of it. */
const longestLife = 120

/** A dead process is known as such soon, where it was not the only one. */
const settings = { PARLEY_INTERVAL_PROCESS_HEARTBEAT: '100ms', PARLEY_TIMEOUT_PROCESS_EXPIRY: '1s' }

describe.each(databases)('kill -9 of the executable on $name', ({ name, create }) => {
  test('at any moment takes nothing from anybody who was shown it', patient, async () => {
    const random = announcedRandom(`kill -9 on ${name}`)
    await using place = await create()
    await using upstream = await startScriptedUpstream()
    void answerAll(upstream, random)
    await using server = await MortalServer.start({ place, upstream, settings })
    const people = new People(() => server.url, random)
    let early = 0
    // Milliseconds that a start takes on this machine at this time.
    let start = 600
    const soFar = (kill: number) =>
      `kill -9 on ${name}: ${kill} of ${kills[name]}, and ${early} while it started, ${told(people)}`
    const killing = async () => {
      for (let kill = 1; kill <= kills[name]; kill += 1) {
        await people.hear(Math.floor(random() * longestLife))
        await delay(random() * 10)
        await server.kill()
        // Only where the dead process does not leave its database to be recovered first.
        if (place.databaseUrl) await lookInto(place, people)
        for (; random() < 0.2; early += 1) await server.startAndKill(random() * start)
        start = await timeOf(() => server.restart())
        if (kill % 25 === 0) console.log(soFar(kill))
      }
      people.leave()
    }
    await Promise.all([people.stay(crowd), killing()])
    console.log(soFar(kills[name]))
    expect((await server.stop()).code).toBe(0)
    const { db } = await place.connect()
    await expectOnce(db, people, upstream, { restarts: true })
  })

  test('before the first word lets the answer start again by itself', async () => {
    await using place = await create()
    await using upstream = await startScriptedUpstream()
    await using first = await startParley({ place, upstream, settings })
    const asked = await first.ask(await first.createConversation())
    const reading = new Reading(first.follow(asked.generationId))
    await upstream.request()
    await first.kill()
    await reading.ended
    await using second = await startParley({ place, upstream, settings })
    reading.goOn(second.follow(asked.generationId, { after: reading.cursor }))
    await upstream.request()
    await upstream.text('Here I am')
    await upstream.finish()
    expect(await reading.ended).toBeNull()
    expect(reading.text(asked.answerId)).toBe('Here I am')
    expect(await second.message(asked.answerId)).toMatchObject({ status: 'COMPLETED', text: 'Here I am' })
  })
})

async function timeOf(work: () => Promise<void>): Promise<number> {
  const started = performance.now()
  await work()
  return performance.now() - started
}

async function lookInto(place: Place, people: People): Promise<void> {
  const { db, close } = await place.connect()
  await expectCommitted(db, people)
  await close()
}

function told({ talks }: People): string {
  const ends = Map.groupBy(talks.values(), ({ answer }) => answer.end?.status ?? 'under way')
  return [...ends].map(([status, some]) => `${some.length} ${status}`).join(', ')
}
