import { AsyncLocalStorage } from 'node:async_hooks'
import { once } from 'node:events'
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { PGlite } from '@electric-sql/pglite'
import { sql } from 'kysely'
import pg from 'pg'
import { pino } from 'pino'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Database, openDatabase, transaction } from '../../../src/server/db/connect.ts'
import { type Embedded, startEmbedded } from '../../../src/server/db/embedded.ts'
import { StartError } from '../../../src/server/errors.ts'
import { startChild } from '../../support/child.ts'
import { databases, type TestDatabase } from '../../support/databases.ts'
import { eventually } from '../../support/eventually.ts'

const log = pino({ level: 'silent' })
const openOne = databases[0]!.open

let folder: string
let dataDir: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'parley-data-'))
  dataDir = join(folder, 'deep', 'data')
})
afterEach(() => rmSync(folder, { recursive: true }))

const open = () =>
  openDatabase({ databaseUrl: null, dataDir, log, vacuumInterval: 1e9, statementTimeout: 1e9 })

/** A client of `embedded` without the pool around it. */
function clientOf({ connection }: Pick<Embedded, 'connection'>): pg.Client {
  return new pg.Client({ ...connection, user: 'postgres', database: 'postgres', port: 5432, ssl: false })
}

/** The same through the link that lies in the data directory. */
function psql(database: TestDatabase): pg.Client {
  return clientOf({ connection: { host: join(database.dataDir, 'socket') } })
}

describe('statements that connections prepare', () => {
  const one = { name: 'parley_mine', text: 'select $1::text as answer', values: ['one'] }

  test('outlive a client that discards them', async () => {
    await using database = await openOne()
    const clients = [psql(database), psql(database)]
    for (const client of clients) await client.connect()
    for (const client of clients) await client.query(one)
    const [server, tool] = [clients[0]!, clients[1]!]
    for (const discard of [
      'discard all',
      'DEALLOCATE ALL',
      'begin; deallocate all',
      'deallocate parley_mine',
    ]) {
      await tool.query(discard)
      await tool.query('rollback')
      expect((await server.query(one)).rows, discard).toEqual([{ answer: 'one' }])
    }
    for (const client of clients) await client.end()
  })

  test('are one for all that prepare the same under a name', async () => {
    await using database = await openOne()
    const clients = [psql(database), psql(database)]
    for (const client of clients) await client.connect()
    const answers = await Promise.all(clients.map((client) => client.query(one)))
    expect(answers.map(({ rows }) => rows)).toEqual([[{ answer: 'one' }], [{ answer: 'one' }]])
    for (const client of clients) await client.end()
  })

  test('are refused where the name is another one’s, and where they are wrong', async () => {
    await using database = await openOne()
    const clients = [psql(database), psql(database)] as const
    for (const client of clients) await client.connect()
    await clients[0].query(one)
    await expect(clients[1].query({ ...one, text: 'select $1::text as other' })).rejects.toThrow(
      'already exists',
    )
    const wrong = { ...one, name: 'parley_wrong', text: 'select $1::text from nowhere' }
    for (const client of clients) await expect(client.query(wrong)).rejects.toThrow('nowhere')
    for (const client of clients) await client.end()
  })
})

describe('the data directory', () => {
  test.each(['/proc/parley', '/dev/null'])(
    'is refused at once where there can be none: %s',
    async (place) => {
      await expect(startEmbedded({ dataDir: place, log })).rejects.toThrow(StartError)
    },
  )

  test('is made with everything above it, and only its owner can look into it', async () => {
    await (await open()).close()
    for (const path of [dirname(dataDir), dataDir, join(dataDir, 'postgres')]) {
      expect(statSync(path).mode & 0o777).toBe(0o700)
    }
  })

  test('is left tidy', async () => {
    await (await open()).close()
    expect(readdirSync(dataDir).sort()).toEqual(['lock', 'postgres'])
  })

  test('serves one process: a second one is told which one has it', async () => {
    await using writer = startChild('write', dataDir)
    expect(await writer.line()).toBe('open')
    await expect(open()).rejects.toThrow(
      new StartError(`Cannot use ${dataDir}: process ${writer.pid} is using it`),
    )
  })

  test('that cannot be made is reported with the reason', async () => {
    writeFileSync(join(folder, 'deep'), '')
    await expect(open()).rejects.toThrow(StartError)
    await expect(open()).rejects.toThrow(`Cannot use ${dataDir}: ${join(folder, 'deep')} is not a directory`)
  })

  test('with damaged files is reported in the words of the database, and can be opened once they are mended', async () => {
    await (await open()).close()
    const control = join(dataDir, 'postgres', 'global', 'pg_control')
    truncateSync(control, 100)
    await expect(open()).rejects.toThrow(StartError)
    await expect(open()).rejects.toThrow(
      /^Cannot open the database in .*: could not read file "global\/pg_control"/,
    )
    rmSync(join(dataDir, 'postgres'), { recursive: true })
    await (await open()).close()
  })
})

describe('what was committed', () => {
  test('was synced to disk at least once per commit', async () => {
    const embedded = await startEmbedded({ dataDir, log })
    const client = clientOf(embedded)
    await client.connect()
    await client.query('create table number (value integer)')
    const before = embedded.syncs()
    for (let value = 0; value < 100; value++) await client.query('insert into number values ($1)', [value])
    expect(embedded.syncs() - before).toBeGreaterThanOrEqual(100)
    await client.end()
    await embedded.close()
  })

  test('survives kill -9 in the middle of writing, again and again', async () => {
    const committed: number[] = []
    for (const count of [1, 150, 400]) {
      await using writer = startChild('write', dataDir, String(committed.length))
      expect(await writer.line()).toBe('open')
      for (let index = 0; index < count; index++) committed.push(Number(await writer.line()))
      await writer.kill()
      committed.push(...(await writer.rest()).map(Number))
      // The last commit may have been made without having been told.
      committed.push(...(await missing(committed)))
    }
    expect(committed).toEqual(committed.map((_, index) => index))
  })

  /** Numbers in the database that are not in `known`: one at most. */
  async function missing(known: readonly number[]): Promise<number[]> {
    const database = await open()
    const { rows } = await sql<{ value: number }>`select value from number order by value`.execute(
      database.db,
    )
    await database.close()
    const values = rows.map(({ value }) => value)
    expect(values.slice(0, known.length)).toEqual(known)
    expect(values.length - known.length).toBeLessThanOrEqual(1)
    return values.slice(known.length)
  }
})

describe('connections', () => {
  test('come through a short folder that only their owner can enter, and that goes with the database', async () => {
    await using database = await openOne()
    const sockets = realpathSync(join(database.dataDir, 'socket'))
    expect(statSync(sockets).mode & 0o777).toBe(0o700)
    expect(readdirSync(sockets)).toEqual(['.s.PGSQL.5432'])
    expect(join(sockets, '.s.PGSQL.5432').length).toBeLessThan(104)
    await database.close()
    expect(existsSync(sockets)).toBe(false)
  })

  test('leave no folder behind for good when the process is killed', async () => {
    await using writer = startChild('write', dataDir)
    await writer.line()
    const sockets = realpathSync(join(dataDir, 'socket'))
    await writer.kill()
    expect(existsSync(sockets)).toBe(true)
    await (await open()).close()
    expect(existsSync(sockets)).toBe(false)
  })

  test('come over message ports where there are no private sockets', async () => {
    const embedded = await startEmbedded({ dataDir, log, transport: 'port' })
    const clients = [clientOf(embedded), clientOf(embedded)]
    await Promise.all(clients.map((client) => client.connect()))
    const large = ['one', 'two'].map((text) => text.repeat(200_000))
    const results = await Promise.all(
      clients.map((client, index) => client.query('select $1::text as text', [large[index]])),
    )
    expect(results.map(({ rows }) => rows[0].text)).toEqual(large)
    await Promise.all(clients.map((client) => client.end()))
    await embedded.close()
  })

  test('take turns: a transaction is not mixed with what others do', async () => {
    // Not in the transaction's scope, where db is refused.
    const outside = AsyncLocalStorage.snapshot()
    await using database = await openOne()
    await sql`create table number (value integer)`.execute(database.db)
    const count = async () =>
      (await sql<{ n: number }>`select count(*)::integer as n from number`.execute(database.db)).rows[0]!.n
    const counted: Promise<number>[] = []
    await transaction(database.db, async (tx) => {
      await sql`insert into number values (1)`.execute(tx)
      counted.push(outside(count))
      await sql`insert into number values (2)`.execute(tx)
    })
    expect(await Promise.all(counted)).toEqual([2])
  })

  test('that end inside a transaction undo it and let the others go on', async () => {
    await using database = await openOne()
    await sql`create table number (value integer)`.execute(database.db)
    const client = psql(database)
    client.on('error', () => {})
    await client.connect()
    await client.query('begin')
    await client.query('insert into number values (1)')
    const waiting = sql`select value from number`.execute(database.db)
    await client.end()
    expect((await waiting).rows).toEqual([])
  })

  test('may ask for encryption, are refused it, and go on', async () => {
    await using database = await openOne()
    const socket = connect(join(database.dataDir, 'socket', '.s.PGSQL.5432'))
    const sslRequest = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47])
    // In two pieces, as a network may deliver it.
    socket.write(sslRequest.subarray(0, 5))
    socket.write(sslRequest.subarray(5))
    const [answer] = await once(socket, 'data')
    expect(String(answer)).toBe('N')
    socket.destroy()
    const client = psql(database)
    await client.connect()
    expect((await client.query('select 1 as one')).rows).toEqual([{ one: 1 }])
    await client.end()
  })
})

describe('an embedded database that breaks down', () => {
  test('says so, fails what is asked of it, and can be closed', async () => {
    await using database = await openOne()
    await sql`create table number (value integer, padding text)`.execute(database.db)
    // Without a place for its log, Postgres panics at the next segment.
    const log = join(database.dataDir, 'postgres', 'pg_wal')
    rmSync(log, { recursive: true })
    const fill = sql`insert into number select value, repeat('x', 1000) from generate_series(1, 20000) as value`
    await expect(fillUntilItFails(database, fill)).rejects.toThrow()
    const failure = await database.failed
    expect(failure.message).toMatch(
      /^The embedded database has broken down: could not (create|open) file "pg_wal\//,
    )
    await expect(sql`select 1`.execute(database.db)).rejects.toThrow(failure.message)
    await database.close()
  })

  async function fillUntilItFails(database: Database, fill: ReturnType<typeof sql>): Promise<void> {
    for (let round = 0; round < 20; round++) await fill.execute(database.db)
  }
})

describe('maintenance', () => {
  test('vacuums and analyzes every table, and cuts the log', async () => {
    await using place = await databases[0]!.create()
    const database = await place.connect({ vacuumInterval: 50 })
    await sql`insert into viewer (id, handle, name, role)
      select gen_random_uuid(), 'viewer ' || n, 'name', 'MEMBER' from generate_series(1, 1000) n`.execute(
      database.db,
    )
    const state = () =>
      sql<{ rows: number; log: string }>`
      select reltuples as rows, pg_current_wal_lsn() - redo_lsn as log from pg_class, pg_control_checkpoint()
      where relname = 'viewer'
    `.execute(database.db)
    await eventually(async () => expect((await state()).rows[0]?.rows).toBe(1000))
    await eventually(async () => expect(Number((await state()).rows[0]?.log)).toBeLessThan(100_000))
  })

  test('that fails is logged, and tried again', async () => {
    const lines: string[] = []
    const listening = pino({ level: 'error' }, { write: (line) => void lines.push(line) })
    await using place = await databases[0]!.create()
    const database = await place.connect({ log: listening, vacuumInterval: 20 })
    for (const statement of breakVacuum) await sql.raw(statement).execute(database.db)
    await eventually(() => expect(lines.length).toBeGreaterThan(1))
    expect(JSON.parse(lines[0]!)).toMatchObject({
      msg: 'maintenance of the embedded database failed',
      err: { message: 'no more' },
    })
  })
})

/** A table whose index cannot be analyzed any more. */
const breakVacuum = [
  'create table failing as select 1 as value where false',
  'create table broken as select 1 as value',
  `create function fail(value integer) returns integer language plpgsql immutable as $$
    begin
      if exists (select from public.failing) then raise 'no more'; end if;
      return value;
    end $$`,
  'create index on broken (fail(value))',
  'insert into failing values (1)',
]

test('the template is a faster start than initdb', async () => {
  // Of the processor's time: how long they wait for it is up to what else runs.
  const timed = async (work: () => Promise<unknown>) => {
    const before = process.cpuUsage()
    await work()
    const { user, system } = process.cpuUsage(before)
    return Math.round((user + system) / 1_000)
  }
  const initdb = await timed(async () => (await PGlite.create(join(folder, 'initdb'))).close())
  const first = await timed(async () => (await open()).close())
  const second = await timed(async () => (await open()).close())
  console.log(`first start: ${first} ms (initdb alone: ${initdb} ms); start on existing data: ${second} ms`)
  expect(first).toBeLessThan(initdb)
})
