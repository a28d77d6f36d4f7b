import { sql } from 'kysely'
import { pino } from 'pino'
import { describe, expect, test } from 'vitest'
import type { Db } from '../../../src/server/db/connect.ts'
import type { GenerationId } from '../../../src/server/ids.ts'
import { FencedError, RunLog, type RunWriter } from '../../../src/server/streams/run-log.ts'
import { createWakeUps } from '../../../src/server/streams/wake-ups.ts'
import { databases } from '../../support/databases.ts'
import { hooked, losingFirstAnswer } from '../../support/intercept.ts'
import { partsOf, startRun } from '../../support/run.ts'

describe.each(databases)('the log of runs on $name', ({ open }) => {
  test('text of many runs is committed in one statement and shown after it', async () => {
    await using database = await open()
    const log = openLog(database.db)
    const runs = await Promise.all(Array.from({ length: 8 }, () => startRun(database.db)))
    const writers = runs.map(({ id, content }) => log.open({ generationId: id, epoch: 1 }, content))
    await Promise.all(writers.map((writer, index) => writer.append(0, 'TEXT', `run ${index}`)))
    expect(runs.map(({ content }) => content.parts)).toEqual(runs.map(() => []))
    await Promise.all(writers.map((writer) => writer.settled()))
    expect(runs.map(({ content }) => partsOf(content)[0]?.text)).toEqual(
      runs.map((_, index) => `run ${index}`),
    )
    const transactions = await database.db.selectFrom('chunk').select('xid').distinct().execute()
    expect(transactions).toHaveLength(1)
  })

  test('what is shown is what is stored, in order, however it was cut', async () => {
    await using database = await open()
    const log = openLog(database.db)
    const { id, content } = await startRun(database.db)
    const writer = log.open({ generationId: id, epoch: 1 }, content)
    for (let word = 0; word < 50; word++) {
      await writer.append(Math.floor(word / 20), word < 20 ? 'REASONING' : 'TEXT', `word ${word} `)
      if (word % 7 === 0) await writer.settled()
    }
    await writer.settled()
    expect(await storedText(database.db, id)).toEqual(partsOf(content).map((part) => part.text))
    expect(content.parts.map((part) => part.kind)).toEqual(['REASONING', 'TEXT', 'TEXT'])
  })

  test.each([
    ['was taken over', sql`update generation set epoch = 2`],
    ['has ended', sql`update generation set status = 'CANCELED'`],
  ])('a writer whose run %s is refused, and nothing of it is shown', async (_what, change) => {
    await using database = await open()
    const log = openLog(database.db)
    const { id, content } = await startRun(database.db)
    const writer = log.open({ generationId: id, epoch: 1 }, content)
    await writer.append(0, 'TEXT', 'before')
    await writer.settled()
    await change.execute(database.db)
    await writer.append(0, 'TEXT', ' after')
    await expect(writer.settled()).rejects.toThrow(FencedError)
    await expect(writer.append(0, 'TEXT', ' again')).rejects.toThrow(FencedError)
    expect(partsOf(content)[0]?.text).toBe('before')
    expect(await storedText(database.db, id)).toEqual(['before'])
  })

  test('a run that the database refuses does not take the others of its batch with it', async () => {
    await using database = await open()
    const log = openLog(database.db)
    const [healthy, poisoned] = [await startRun(database.db), await startRun(database.db)]
    const good = log.open({ generationId: healthy.id, epoch: 1 }, healthy.content)
    const bad = log.open({ generationId: poisoned.id, epoch: 1 }, poisoned.content)
    await Promise.all([good.append(0, 'TEXT', 'fine'), bad.append(0, 'TEXT', 'NUL \0')])
    await expect(bad.settled()).rejects.toThrow()
    await good.settled()
    expect(await storedText(database.db, healthy.id)).toEqual(['fine'])
    expect(poisoned.content.parts).toEqual([])
  })

  test('text whose commit was made and never confirmed is stored once, and the run goes on', async () => {
    await using database = await open()
    const log = openLog(losingFirstAnswer(database.db))
    const { id, content } = await startRun(database.db)
    const writer = log.open({ generationId: id, epoch: 1 }, content)
    await writer.append(0, 'TEXT', 'before')
    await writer.settled()
    await writer.append(0, 'TEXT', ' after')
    await writer.settled()
    expect(partsOf(content)).toEqual([{ kind: 'TEXT', text: 'before after' }])
    expect(await storedText(database.db, id)).toEqual(['before after'])
  })

  test('a writer is held back while too much is waiting', async () => {
    await using database = await open()
    const log = openLog(database.db)
    const { id, content } = await startRun(database.db)
    const writer = log.open({ generationId: id, epoch: 1 }, content)
    await writer.append(0, 'TEXT', 'x'.repeat(300 * 1024))
    expect(content.parts[0]?.text.length).toBe(300 * 1024)
  })
})

describe.each(databases)('the end of a run, on $name', ({ open }) => {
  test('waits for no interval, also where it comes while a commit is under way', async () => {
    await using database = await open()
    const { id, content } = await startRun(database.db)
    const ends: Promise<void>[] = []
    const writers: RunWriter[] = []
    const db = hooked(database.db, async (statement) => {
      if (ends.length > 0 || !statement.includes('insert into chunk')) return
      for (const writer of writers) {
        await writer.append(0, 'TEXT', ' world')
        ends.push(writer.settled())
      }
    })
    const log = new RunLog({
      db,
      wakeUps: createWakeUps(),
      log: pino({ level: 'fatal' }),
      flushInterval: 60_000,
    })
    const writer = log.open({ generationId: id, epoch: 1 }, content)
    writers.push(writer)
    await writer.append(0, 'TEXT', 'Hello')
    await writer.settled()
    expect(await Promise.all(ends)).toHaveLength(1)
    expect(partsOf(content)).toEqual([{ kind: 'TEXT', text: 'Hello world' }])
  })

  test('waits for its own text, not for a moment in which no other run has any', async () => {
    await using database = await open()
    const [ending, endless] = [await startRun(database.db), await startRun(database.db)]
    let [commits, isOver] = [0, false]
    const others: RunWriter[] = []
    const db = hooked(database.db, async (statement) => {
      if (isOver || !statement.includes('insert into chunk')) return
      commits += 1
      for (const other of others) await other.append(0, 'TEXT', 'more ')
    })
    const log = openLog(db)
    others.push(log.open({ generationId: endless.id, epoch: 1 }, endless.content))
    const writer = log.open({ generationId: ending.id, epoch: 1 }, ending.content)
    await others[0]!.append(0, 'TEXT', 'Much ')
    await writer.append(0, 'TEXT', 'The end')
    await writer.settled()
    expect(commits).toBeLessThanOrEqual(2)
    expect(partsOf(ending.content)[0]?.text).toBe('The end')
    isOver = true
  })
})

describe.each(databases)('what somebody waits for, on $name,', ({ open }) => {
  test('a first text or an end, goes at once, and what others gather stays for their interval', async () => {
    await using database = await open()
    const [one, other] = [await startRun(database.db), await startRun(database.db)]
    const log = new RunLog({
      db: database.db,
      wakeUps: createWakeUps(),
      log: pino({ level: 'fatal' }),
      flushInterval: 1e9,
    })
    const gathering = log.open({ generationId: one.id, epoch: 1 }, one.content)
    await gathering.append(0, 'TEXT', 'First')
    await gathering.settled()
    await gathering.append(0, 'TEXT', ', second')
    const urgent = log.open({ generationId: other.id, epoch: 1 }, other.content)
    await urgent.append(0, 'TEXT', 'First')
    await urgent.settled()
    expect(await storedText(database.db, other.id)).toEqual(['First'])
    expect(await storedText(database.db, one.id)).toEqual(['First'])
    await gathering.settled()
    expect(await storedText(database.db, one.id)).toEqual(['First, second'])
    expect(partsOf(one.content)[0]?.text).toBe('First, second')
  })
})

describe('the log of runs while its commit is held open on Postgres', () => {
  test('no reader is shown text before the commit has returned', async () => {
    const postgres = databases.find(({ name }) => name === 'Postgres')!
    await using database = await postgres.open()
    const { db } = database
    const gate = 42
    // The trigger runs inside the commit: there it waits for the test.
    await sql`create function wait_in_commit() returns trigger language plpgsql as
      $$ begin perform pg_advisory_xact_lock(${sql.lit(gate)}); return null; end $$`.execute(db)
    await sql`create constraint trigger held after insert on chunk deferrable initially deferred
      for each row execute function wait_in_commit()`.execute(db)
    const wakeUps = createWakeUps()
    const log = new RunLog({ db, wakeUps, log: pino({ level: 'fatal' }), flushInterval: 20 })
    const { id, content } = await startRun(db)
    using listener = wakeUps.listen([`run:${id}`])
    listener.take()
    const writer = log.open({ generationId: id, epoch: 1 }, content)
    const opened = Promise.withResolvers<void>()
    const holding = db.transaction().execute(async (tx) => {
      await sql`select pg_advisory_xact_lock(${gate})`.execute(tx)
      await opened.promise
    })
    await waitFor(db, sql`select 1 from pg_locks where locktype = 'advisory' and granted`)
    await writer.append(0, 'TEXT', 'Hello')
    await waitFor(db, sql`select 1 from pg_locks where locktype = 'advisory' and not granted`)
    expect(content.parts).toEqual([])
    expect(listener.take().size).toBe(0)
    expect(await storedText(db, id)).toEqual([])
    opened.resolve()
    await holding
    await writer.settled()
    expect(partsOf(content)).toEqual([{ kind: 'TEXT', text: 'Hello' }])
    expect(listener.take()).toEqual(new Set([`run:${id}`]))
  })
})

function openLog(db: Db): RunLog {
  return new RunLog({ db, wakeUps: createWakeUps(), log: pino({ level: 'fatal' }), flushInterval: 20 })
}

async function storedText(db: Db, id: GenerationId): Promise<string[]> {
  const { rows } = await sql<{ text: string }>`
    select string_agg(text, '' order by start) as text from chunk
    where generation_id = ${id} group by part order by part`.execute(db)
  return rows.map(({ text }) => text)
}

/** Asks the database until it has an answer: what it waits for is another session's doing, which announces nothing. */
async function waitFor(db: Db, question: ReturnType<typeof sql>): Promise<void> {
  while ((await question.execute(db)).rows.length === 0);
}
