import { randomUUID } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Logger, pino } from 'pino'
import { inject } from 'vitest'
import { type Database, openDatabase } from '../../src/server/db/connect.ts'
import { unpack } from '../../src/server/db/template.ts'
import { databaseUrl, run } from './postgres-server.ts'

/** A place for a database, as a Config names it: what a program under test is started on. */
export type Place = {
  readonly databaseUrl: string | null
  readonly dataDir: string
  /** Opens what is there, as one more process would; on PGlite only once at a time. */
  connect(options?: { log?: Logger; vacuumInterval?: number; statementTimeout?: number }): Promise<Database>
  /** Removes it, after closing what `connect` gave. */
  [Symbol.asyncDispose](): Promise<void>
}

/** A migrated, empty database that nobody else uses, open. */
export type TestDatabase = Database & Place

type Kind = {
  readonly name: 'PGlite' | 'Postgres'
  /** Opens a new one. */
  readonly open: () => Promise<TestDatabase>
  /** Makes a new one without opening it. */
  readonly create: (options?: { migrated?: boolean }) => Promise<Place>
}

/** Everything that touches the database is tested on each of these: `describe.each(databases)('… on $name', …)`. */
export const databases: readonly Kind[] = [kind('PGlite', createEmbedded), kind('Postgres', createOnServer)]

function kind(name: Kind['name'], create: (options?: { migrated?: boolean }) => Promise<Place>): Kind {
  const open = async () => {
    const place = await create()
    return { ...place, ...(await place.connect()) }
  }
  return { name, open, create }
}

async function createEmbedded({ migrated = true } = {}): Promise<Place> {
  const dataDir = mkdtempSync(join(tmpdir(), 'parley-test-'))
  if (migrated) unpack(readFileSync(inject('embeddedTemplate')), join(dataDir, 'postgres'), false)
  return place(null, dataDir, async () => {})
}

async function createOnServer({ migrated = true } = {}): Promise<Place> {
  const { url, template } = inject('postgres')
  return createDatabase(url, migrated ? template : null)
}

/** Makes a database on the Postgres at `url`: empty, or a copy of the one called `template`. */
export async function createDatabase(url: string, template: string | null = null): Promise<Place> {
  const name = `parley_test_${randomUUID().replaceAll('-', '')}`
  await run(url, template ? `create database ${name} template ${template}` : `create database ${name}`)
  const dataDir = mkdtempSync(join(tmpdir(), 'parley-test-'))
  return place(databaseUrl(url, name), dataDir, () => run(url, `drop database ${name} with (force)`))
}

function place(url: string | null, dataDir: string, drop: () => Promise<void>): Place {
  const opened: Database[] = []
  return {
    databaseUrl: url,
    dataDir,
    async connect({ log = pino({ level: 'fatal' }), vacuumInterval = 1e9, statementTimeout = 1e9 } = {}) {
      const database = await openDatabase({
        databaseUrl: url,
        dataDir,
        log,
        vacuumInterval,
        statementTimeout,
      })
      opened.push(database)
      return database
    },
    async [Symbol.asyncDispose]() {
      for (const database of opened) await database.close()
      await drop()
      rmSync(dataDir, { recursive: true, force: true })
    },
  }
}
