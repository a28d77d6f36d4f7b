import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import type { TestProject } from 'vitest/node'
import { openDatabase } from '../../src/server/db/connect.ts'
import { migrate } from '../../src/server/db/migrate.ts'
import { pack } from '../../src/server/db/template.ts'
import { databaseUrl, run, startPostgres } from './postgres-server.ts'

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
  const url = process.env['TEST_DATABASE_URL'] ?? (await startServer())
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

async function startServer(): Promise<string> {
  const { url, stop } = await startPostgres()
  undo.unshift(stop)
  return url
}

async function makeMigrated(url: string | null, dataDir: string): Promise<void> {
  const log = pino({ level: 'warn' })
  const database = await openDatabase({
    databaseUrl: url,
    dataDir,
    log,
    vacuumInterval: 1e9,
    statementTimeout: 1e9,
  })
  try {
    await migrate(database.db)
  } finally {
    await database.close()
  }
}
