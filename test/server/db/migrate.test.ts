import { sql } from 'kysely'
import { describe, expect, test } from 'vitest'
import { type Migration, migrations } from '../../../migrations/index.ts'
import { type Db, transaction } from '../../../src/server/db/connect.ts'
import { migrate, migrationState } from '../../../src/server/db/migrate.ts'
import { StartError } from '../../../src/server/errors.ts'
import { type Child, startChild } from '../../support/child.ts'
import { databases } from '../../support/databases.ts'
import { eventually } from '../../support/eventually.ts'

const ours = Object.keys(migrations)

/** The migrations of a later release: ours, then one that does `statement`. */
function later(
  name: string,
  kind: Migration['kind'],
  statement = 'create table later ()',
): Record<string, Migration> {
  return {
    ...migrations,
    [name]: {
      kind,
      up: (db) =>
        sql
          .raw(statement)
          .execute(db)
          .then(() => {}),
    },
  }
}

describe.each(databases)('migrating on $name', ({ create, open }) => {
  test('makes every table of an empty database, once', async () => {
    await using place = await create({ migrated: false })
    const { db } = await place.connect()
    expect(await migrationState(db)).toEqual({ applied: [], missing: ours, unknown: [], incompatible: [] })
    expect(await migrate(db)).toEqual(ours)
    expect(await migrationState(db)).toEqual({ applied: ours, missing: [], unknown: [], incompatible: [] })
    expect(await migrate(db)).toEqual([])
    expect(await db.selectFrom('server').selectAll().execute()).toHaveLength(1)
  })

  test('applies only what a later release brought', async () => {
    await using database = await open()
    expect(await migrate(database.db, later('9000-add-later', 'expand'))).toEqual(['9000-add-later'])
    expect((await sql`select from later`.execute(database.db)).rows).toEqual([])
  })

  test('leaves nothing of a release behind when one of its migrations fails', async () => {
    await using database = await open()
    const list = { ...later('9000-add-later', 'expand'), ...later('9001-broken', 'expand', 'select 1 / 0') }
    await expect(migrate(database.db, list)).rejects.toThrow('division by zero')
    expect((await migrationState(database.db)).applied).toEqual(ours)
    expect((await sql`select to_regclass('later') as found`.execute(database.db)).rows).toEqual([
      { found: null },
    ])
  })

  test('accepts a database that a newer release has expanded', async () => {
    await using database = await open()
    await migrate(database.db, later('9000-add-later', 'expand'))
    expect(await migrate(database.db)).toEqual([])
    expect(await migrationState(database.db)).toMatchObject({ unknown: ['9000-add-later'], incompatible: [] })
  })

  test('refuses, by name, a database from which a newer release has removed something', async () => {
    await using database = await open()
    await migrate(database.db, later('9001-drop-preview', 'contract'))
    await expect(migrate(database.db)).rejects.toThrow(StartError)
    await expect(migrate(database.db)).rejects.toThrow('a newer Parley has applied 9001-drop-preview')
    expect(await migrationState(database.db)).toMatchObject({ incompatible: ['9001-drop-preview'] })
  })
})

describe('migrating a server that others use', () => {
  test('is done once by ten processes that start at the same time on an empty database', async () => {
    await using place = await databases[1]!.create({ migrated: false })
    const children = Array.from({ length: 10 }, () => startChild('migrate', place.databaseUrl!))
    for (const child of children) expect(await child.line()).toBe('open')
    for (const child of children) child.send('go')
    const applied = await Promise.all(
      children.map(async (child: Child) => JSON.parse((await child.line()) ?? 'null')),
    )
    expect(applied.filter((names) => names.length > 0)).toEqual([ours])
    expect(applied.filter((names) => names.length === 0)).toHaveLength(9)
    const { db } = await place.connect()
    expect((await sql`select name from migration`.execute(db)).rows).toHaveLength(ours.length)
  })

  test('waits for a table that is in use, and lets others have it meanwhile', async () => {
    await using database = await databases[1]!.open()
    const other = await database.connect()
    const read = (db: Db) => db.selectFrom('viewer').selectAll().execute()
    const reading = Promise.withResolvers<void>()
    const finished = Promise.withResolvers<void>()
    const reader = transaction(other.db, async (tx) => {
      await read(tx)
      reading.resolve()
      await finished.promise
    })
    await reading.promise
    const change = later('9000-widen', 'expand', 'alter table viewer add column nickname text')
    const migrated = migrate(database.db, change, { lockTimeout: 300, attempts: 100, pause: 100 })
    await eventually(async () => expect(await waiting(other.db)).toBe(true))
    // Queues behind the migration, which soon gives its place up; the first reader is still at it.
    expect(await read(other.db)).toEqual([])
    finished.resolve()
    await reader
    expect(await migrated).toEqual(['9000-widen'])
  })

  test('tells in one line that the role may not do it', async () => {
    await using database = await databases[1]!.open()
    const change = later('9000-forbidden', 'expand', 'create table pg_catalog.forbidden ()')
    await expect(migrate(database.db, change)).rejects.toThrow(StartError)
    await expect(migrate(database.db, change)).rejects.toThrow(
      /^Cannot migrate the database: permission denied .*: use the role that owns the database/,
    )
  })

  test('gives up in the end, in one line', async () => {
    await using database = await databases[1]!.open()
    const other = await database.connect()
    await transaction(other.db, async (tx) => {
      await sql`lock table viewer`.execute(tx)
      const change = later('9000-widen', 'expand', 'alter table viewer add column nickname text')
      const migrated = migrate(database.db, change, { lockTimeout: 20, attempts: 2, pause: 10 })
      await expect(migrated).rejects.toThrow(
        new StartError('Cannot migrate the database: its tables stayed in use'),
      )
    })
  })
})

/** Whether somebody waits for the table of viewers. */
async function waiting(db: Db): Promise<boolean> {
  const { rows } =
    await sql`select from pg_locks where relation = 'viewer'::regclass and not granted`.execute(db)
  return rows.length > 0
}
