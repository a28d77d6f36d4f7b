import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { mutationDocument } from '../support/chat.ts'
import { Cluster } from '../support/cluster.ts'
import { createDatabase, databases, type Place } from '../support/databases.ts'
import { eventually } from '../support/eventually.ts'
import { postGraphQL, sendHttp } from '../support/graphql-client.ts'
import { answerAll, expectOnce, People } from '../support/people.ts'
import { startPostgres } from '../support/postgres-server.ts'
import { announcedRandom, pick, type Random } from '../support/random.ts'
import { openRedis, redis, startRedis } from '../support/redis.ts'
import { startScriptedUpstream } from '../support/scripted-provider.ts'
import { amount, patient } from './amount.ts'

/** People who each ask and read one answer after the other. */
const crowd = amount('CROWD', { few: 30, many: 200 })
/** How often one of three processes is killed, and how often what is behind them goes away. */
const kills = {
  Redis: amount('CLUSTER_KILLS', { few: 3, many: 150 }),
  NOTIFY: amount('CLUSTER_KILLS', { few: 1, many: 150 }),
}
const outages = amount('OUTAGES', { few: 1, many: 40 })
/** Seconds that Postgres is away for the first time: longer than any process is waited for. Later it is at most two. */
const longOutage = amount('OUTAGE_SECONDS', { few: 2, many: 30 })

/** A dead process is known as such soon: within one kill and the next. */
const mortal = { PARLEY_INTERVAL_PROCESS_HEARTBEAT: '300ms', PARLEY_TIMEOUT_PROCESS_EXPIRY: '2s' }

const buses = [
  { name: 'Redis', isThere: redis.isThere, open: openRedis },
  { name: 'NOTIFY', isThere: true, open: async () => null },
] as const

/** Nobody counts as dead because the machine is busy, but for the long time without a database. */
const alive = { PARLEY_TIMEOUT_PROCESS_EXPIRY: '20s' }

/** Milliseconds that a busy machine may take to serve a crowd again. */
const whileBusy = 180_000

describe.each(buses)('three processes that wake each other by $name', ({ name, isThere, open }) => {
  test.skipIf(!isThere)('lose and double nothing, whichever of them is killed', patient, async () => {
    const random = announcedRandom(`cluster on ${name}`)
    await using place = await createOnPostgres()
    await using bus = await open()
    const settings = { ...mortal, ...(bus && { REDIS_URL: bus.url }) }
    await play(place, settings, random, async (cluster, people) => {
      for (let kill = 1; kill <= kills[name]; kill += 1) {
        await people.hear(Math.floor(random() * 10 * crowd))
        const server = pick(random, cluster.servers)
        await server.kill()
        // Half of the time it is back before the others know that it died.
        if (random() < 0.5) await delay(2_500)
        await server.restart()
        if (kill % 5 === 0) console.log(`cluster on ${name}: ${kill} of ${kills[name]} killed`)
      }
    })
  })
})

describe('three processes', () => {
  test.skipIf(!redis.canBeStarted)('go on while their Redis comes and goes', patient, async () => {
    const random = announcedRandom('cluster without Redis')
    await using place = await createOnPostgres()
    await using bus = await startRedis()
    await play(place, { REDIS_URL: bus.url }, random, async (cluster, people) => {
      const pids = cluster.servers.map(({ pid }) => pid)
      for (let outage = 1; outage <= outages; outage += 1) {
        await people.hear(10 * crowd)
        await bus.kill()
        await people.hear(10 * crowd)
        expect(await cluster.readiness()).toEqual([200, 200, 200])
        await bus.start()
        console.log(`cluster without Redis: ${outage} of ${outages}`)
      }
      expect(cluster.servers.map(({ pid }) => pid)).toEqual(pids)
      expectUncut(people)
    })
  })

  test('outlive a Postgres that comes and goes', patient, async () => {
    const random = announcedRandom('cluster without Postgres')
    await using stack = new AsyncDisposableStack()
    const postgres = await startPostgres()
    stack.defer(postgres.stop)
    const place = stack.use(await createDatabase(postgres.url))
    // They say of every request that they could not serve it.
    const settings = { LOG_LEVEL: 'error', ...alive }
    await play(place, settings, random, async (cluster, people) => {
      const pids = cluster.servers.map(({ pid }) => pid)
      for (let outage = 1; outage <= outages; outage += 1) {
        await people.hear(10 * crowd)
        await postgres.crash()
        await eventually(async () => expect(await cluster.readiness()).toEqual([503, 503, 503]), whileBusy)
        const away = outage === 1 ? longOutage : random() * 2
        const refused = await expectAway(cluster, away * 1_000)
        console.log(`cluster without Postgres: ${outage} of ${outages}, ${refused} refused in ${away} s`)
        await postgres.restart()
        await eventually(async () => expect(await cluster.readiness()).toEqual([200, 200, 200]), whileBusy)
      }
      await people.hear(10 * crowd)
      expect(cluster.servers.map(({ pid }) => pid)).toEqual(pids)
      expectUncut(people)
    })
  })
})

function createOnPostgres(): Promise<Place> {
  return databases.find(({ name }) => name === 'Postgres')!.create()
}

/** Lets a crowd talk to three processes while `harm` is done, and holds what it was shown against the database. */
async function play(
  place: Place,
  settings: Readonly<Record<string, string>>,
  random: Random,
  harm: (cluster: Cluster, people: People) => Promise<void>,
): Promise<void> {
  await using upstream = await startScriptedUpstream()
  void answerAll(upstream, random)
  await using cluster = await Cluster.start(3, { place, upstream, settings }, random)
  const people = new People(() => cluster.url, random)
  const harming = harm(cluster, people).finally(() => people.leave())
  await Promise.all([people.stay(crowd), harming])
  console.log(`cluster: ${JSON.stringify(endsOf(people))}`)
  for (const server of cluster.servers) expect((await server.stop()).code).toBe(0)
  const { db } = await place.connect()
  await expectOnce(db, people, upstream, { restarts: true })
}

/**
 * For so many milliseconds every process lives, says that it is not ready, and refuses what is to be written with an
 * error that asks to try again. Returns how often.
 */
async function expectAway({ servers }: Cluster, milliseconds: number): Promise<number> {
  const query = mutationDocument('createConversation')
  let refused = 0
  for (const over = performance.now() + milliseconds; performance.now() < over; refused += 1) {
    const { url } = servers[refused % servers.length]!
    const [ready, health, written] = await Promise.all([
      sendHttp(new URL('/ready', url).href),
      sendHttp(new URL('/health', url).href),
      postGraphQL(new URL('/graphql', url).href, { query, variables: { input: {} } }),
    ])
    expect([ready.status, health.status]).toEqual([503, 200])
    expect(written.json().errors?.[0]?.extensions).toMatchObject({ retryable: true })
    await delay(100)
  }
  return refused
}

/** No answer was cut off, although what is behind the processes was away. */
function expectUncut(people: People): void {
  expect(endsOf(people)).not.toHaveProperty('INTERRUPTED')
}

/** How many answers have come to which end. */
function endsOf({ talks }: People): Record<string, number> {
  const ends = Map.groupBy(talks.values(), ({ answer }) => answer.end?.status ?? 'under way')
  return Object.fromEntries([...ends].map(([status, some]) => [status, some.length]))
}
