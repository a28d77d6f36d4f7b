import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { DeduplicateJoinsPlugin, type Kysely, sql } from 'kysely'
import { pino } from 'pino'
import { describe, expect, inject, test } from 'vitest'
import { unbounded } from '../../../src/server/db/bounded.ts'
import {
  type Database,
  type Db,
  NestedUseError,
  openDatabase,
  transaction,
} from '../../../src/server/db/connect.ts'
import { StartError, UnavailableError } from '../../../src/server/errors.ts'
import { databases } from '../../support/databases.ts'
import { eventually } from '../../support/eventually.ts'
import { databaseUrl } from '../../support/postgres-server.ts'

/** A table of the test's own, beside those of the server. */
type WithNote = Kysely<{ note: { text: string } }>

async function withNotes(database: Database) {
  await sql`create table note (text text primary key)`.execute(database.db)
  const notes = database.db as unknown as WithNote
  return {
    write: (on: unknown, text: string) => (on as WithNote).insertInto('note').values({ text }).execute(),
    read: async () =>
      (await notes.selectFrom('note').select('text').orderBy('text').execute()).map((row) => row.text),
  }
}

describe.each(databases)('transactions on $name', ({ open }) => {
  test('are there as a whole, or not at all', async () => {
    await using database = await open()
    const notes = await withNotes(database)
    const answer = await transaction(database.db, async (tx) => {
      await notes.write(tx, 'one')
      await notes.write(tx, 'two')
      return 'written'
    })
    const failure = transaction(database.db, async (tx) => {
      await notes.write(tx, 'three')
      throw new Error('changed my mind')
    })
    await expect(failure).rejects.toThrow('changed my mind')
    expect(answer).toBe('written')
    expect(await notes.read()).toEqual(['one', 'two'])
  })

  test('throw where db is used instead of tx, at once and at any depth', async () => {
    await using database = await open()
    const read = (db: Db) => db.selectFrom('viewer').selectAll().execute()
    const attempts = [
      () => transaction(database.db, () => read(database.db)),
      () =>
        transaction(database.db, async (tx) => [
          await read(tx),
          await Promise.all([1, 2].map(() => read(database.db))),
        ]),
      () => transaction(database.db, () => transaction(database.db, read)),
      () => transaction(database.db.withPlugin(new DeduplicateJoinsPlugin()), () => read(database.db)),
    ]
    for (const attempt of attempts) await expect(attempt()).rejects.toThrow(NestedUseError)
    expect(await transaction(database.db, read)).toEqual([])
  })

  test('let what they started go on with db after their end', async () => {
    await using database = await open()
    const later = Promise.withResolvers<void>()
    const started = await transaction(database.db, async () => ({
      done: later.promise.then(() => database.db.selectFrom('viewer').selectAll().execute()),
    }))
    later.resolve()
    expect(await started.done).toEqual([])
  })

  test('run again after a conflict, a few times', async () => {
    await using database = await open()
    const conflicts = (count: number) => {
      let attempts = 0
      const fail = sql`do $$ begin raise exception 'conflict' using errcode = '40001'; end $$`
      const work = transaction(database.db, async (tx) => {
        attempts += 1
        if (attempts <= count) await fail.execute(tx)
        return attempts
      })
      return work
    }
    expect(await conflicts(2)).toBe(3)
    await expect(conflicts(100)).rejects.toThrow('conflict')
  })

  test('do not pass for committed when a failed statement was ignored', async () => {
    await using database = await open()
    const notes = await withNotes(database)
    const work = transaction(database.db, async (tx) => {
      await notes.write(tx, 'lost')
      await sql`select 1 / 0`.execute(tx).catch(() => {})
    })
    await expect(work).rejects.toThrow()
    expect(await notes.read()).toEqual([])
  })
})

describe.each(databases)('connections on $name', ({ create, open }) => {
  test('get their own rows, however large and however many their statements are', async () => {
    await using database = await open()
    const padding = 'x'.repeat(300_000)
    // Each would take the other's parameters, only to answer with the wrong one.
    const large = (key: string) =>
      sql<{ key: string }>`select ${padding}::text as padding, ${key}::text as key`
    const small = (key: string) => sql<{ key: string }>`select ${key}::text as key, ${''}::text as padding`
    const keys = Array.from({ length: 200 }, (_, index) => String(index))
    const answers = await Promise.all(
      keys.map(
        async (key, index) => (await (index % 5 ? small : large)(key).execute(database.db)).rows[0]?.key,
      ),
    )
    expect(answers).toEqual(keys)
  })

  test('outlive failed statements', async () => {
    await using database = await open()
    const divide = (by: number) =>
      sql<{ ten: number }>`select 10 / ${by}::integer as ten`.execute(database.db)
    const results = await Promise.allSettled(Array.from({ length: 60 }, (_, index) => divide(index % 2)))
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(30)
  })

  test('that are all in use for too long fail what waits for one, as something that can be tried again', async () => {
    await using place = await create()
    const { db } = await place.connect({ statementTimeout: 1_000 })
    const over = Promise.withResolvers<void>()
    const holding = Array.from({ length: 10 }, () => transaction(db, () => over.promise))
    const settled = Promise.allSettled(holding)
    const read = (on: Db) => sql<{ one: number }>`select 1 as one`.execute(on)
    await expect(transaction(db, read)).rejects.toThrow(UnavailableError)
    over.resolve()
    await settled
    expect((await transaction(db, read)).rows).toEqual([{ one: 1 }])
  })

  test('are closed once, however often close is called, and serve nobody afterwards', async () => {
    await using database = await open()
    await Promise.all([database.close(), database.close()])
    await database.close()
    await expect(sql`select 1`.execute(database.db)).rejects.toThrow()
  })

  test('find again what was committed before', async () => {
    await using database = await open()
    const notes = await withNotes(database)
    await notes.write(database.db, 'kept')
    await database.close()
    const again = await database.connect()
    expect((await sql`select text from note`.execute(again.db)).rows).toEqual([{ text: 'kept' }])
    expect(again.version).toBe(database.version)
  })
})

describe('a database server', () => {
  const log = pino({ level: 'silent' })
  const openUrl = (url: string) =>
    openDatabase({ databaseUrl: url, dataDir: tmpdir(), log, vacuumInterval: 1e9, statementTimeout: 1e9 })

  test('that breaks a connection in use fails the statement, not the process', async () => {
    const { url, template } = inject('postgres')
    await using database = disposable(await openUrl(url))
    await using other = disposable(await openUrl(url))
    const broken = transaction(database.db, async (tx) => {
      const { rows } = await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(tx)
      await sql`select pg_terminate_backend(${rows[0]!.pid}, 5000)`.execute(other.db)
      await sql`select 1`.execute(tx)
    })
    await expect(broken).rejects.toThrow()
    expect((await sql`select ${template}::text as name`.execute(database.db)).rows).toHaveLength(1)
  })

  test('that takes too long fails the statement, and its connection is not used again', async () => {
    const { url } = inject('postgres')
    const settings = { dataDir: tmpdir(), log, vacuumInterval: 1e9, statementTimeout: 300 }
    await using database = disposable(await openDatabase({ databaseUrl: url, ...settings }))
    const pidOf = async () =>
      (await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(database.db)).rows[0]!.pid
    const first = await pidOf()
    await expect(sql`select pg_sleep(10)`.execute(database.db)).rejects.toThrow(UnavailableError)
    expect(await pidOf()).not.toBe(first)
    const inTransaction = transaction(database.db, (tx) => sql`select pg_sleep(10)`.execute(tx))
    await expect(inTransaction).rejects.toThrow(UnavailableError)
    await expect(sql`select 1 / 0`.execute(database.db)).rejects.not.toThrow(UnavailableError)
    const patient = unbounded(() => sql`select pg_sleep(0.5)`.execute(database.db))
    expect((await patient).rows).toHaveLength(1)
  })

  test('whose locks many transactions wait for still answers statements, and then all of those', async () => {
    const { url } = inject('postgres')
    await using database = disposable(await openUrl(url))
    await using other = disposable(await openUrl(url))
    const lock = (tx: Db) => sql`select pg_advisory_xact_lock(1)`.execute(tx)
    const waiting = await transaction(other.db, async (tx) => {
      await lock(tx)
      const transactions = Array.from({ length: 30 }, () => transaction(database.db, lock))
      await eventually(async () => {
        const { rows } = await sql<{ count: number }>`select count(*)::integer as count
          from pg_locks where locktype = 'advisory' and objid = 1 and not granted`.execute(database.db)
        expect(rows).toEqual([{ count: 8 }])
      })
      return { transactions }
    })
    expect(await Promise.all(waiting.transactions)).toHaveLength(30)
  })

  test('that is silent refuses transactions which have waited too long for others', async () => {
    const settings = { dataDir: tmpdir(), log, vacuumInterval: 1e9, statementTimeout: 300 }
    await using database = disposable(
      await openDatabase({ databaseUrl: inject('postgres').url, ...settings }),
    )
    const sleepy = (tx: Db) => sql`select pg_sleep(10)`.execute(tx)
    const results = await Promise.allSettled(
      Array.from({ length: 30 }, () => transaction(database.db, sleepy)),
    )
    for (const result of results) expect(result).toMatchObject({ reason: expect.any(UnavailableError) })
    expect((await transaction(database.db, (tx) => sql`select 1`.execute(tx))).rows).toHaveLength(1)
  })

  test('that is not there is reported in one line, without its password', async () => {
    const failure = openUrl('postgres://parley:secret@127.0.0.1:1/parley')
    await expect(failure).rejects.toThrow(StartError)
    await expect(failure).rejects.toThrow('Cannot use DATABASE_URL: connect ECONNREFUSED 127.0.0.1:1')
  })

  test('without the database is reported with its own words', async () => {
    const failure = openUrl(databaseUrl(inject('postgres').url, 'nowhere'))
    await expect(failure).rejects.toThrow('Cannot use DATABASE_URL: database "nowhere" does not exist')
  })

  test.each([
    ['14.19', 140_019, false],
    ['15.0', 150_000, true],
  ])('of version %s is %s', async (name, number, welcome) => {
    await using server = await oldServer(name, number)
    const opened = openUrl(server.url)
    if (welcome) await (await opened).close()
    else {
      await expect(opened).rejects.toThrow(StartError)
      await expect(opened).rejects.toThrow(`it is Postgres ${name}, Parley needs 15 or newer`)
    }
  })
})

function disposable(database: Database): Database & AsyncDisposable {
  return { ...database, [Symbol.asyncDispose]: database.close }
}

/** Speaks just enough of the wire protocol to be asked for its version. */
async function oldServer(name: string, number: number): Promise<{ url: string } & AsyncDisposable> {
  const ready = message('Z', 'I')
  const answer = Buffer.concat([
    message('T', `\0\x02${field('name', 25)}${field('number', 23)}`),
    message('D', `\0\x02${text(name)}${text(String(number))}`),
    message('C', 'SELECT 1\0'),
    ready,
  ])
  const server = createServer((socket) => {
    socket.once('data', () => {
      socket.write(Buffer.concat([message('R', int32(0)), ready]))
      socket.on('data', (bytes) => (bytes[0] === 0x51 ? socket.write(answer) : socket.end()))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `postgres://parley@127.0.0.1:${portOf(server)}/parley`,
    [Symbol.asyncDispose]: async () => void server.close(),
  }
}

function portOf(server: Server): number {
  const address = server.address()
  return typeof address === 'object' && address ? address.port : 0
}

function int32(value: number): string {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value)
  return bytes.toString('latin1')
}

function text(value: string): string {
  return int32(value.length) + value
}

function field(name: string, type: number): string {
  return `${name}\0${int32(0)}\0\0${int32(type)}\xff\xff${int32(-1)}\0\0`
}

function message(type: string, body: string): Buffer {
  return Buffer.from(type + int32(body.length + 4) + body, 'latin1')
}
