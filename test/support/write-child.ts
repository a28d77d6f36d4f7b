import { sql } from 'kysely'
import { pino } from 'pino'
import { openDatabase } from '../../src/server/db/connect.ts'

// Opens an embedded database and says so, then commits one number after the other and tells each that is committed.
const [dataDir, first] = process.argv.slice(2)
const log = pino({ level: 'silent' })
const { db } = await openDatabase({
  databaseUrl: null,
  dataDir: dataDir!,
  log,
  vacuumInterval: 1e9,
  statementTimeout: 1e9,
})
await sql`create table if not exists number (value integer primary key, padding text)`.execute(db)
await tell('open')
for (let value = Number(first ?? 0); ; value++) {
  await sql`insert into number values (${value}, repeat('x', 500))`.execute(db)
  await tell(String(value))
}

/** Resolves when the line is on its way, whatever becomes of this process. */
function tell(line: string): Promise<void> {
  return new Promise((resolve) => process.stdout.write(`${line}\n`, () => resolve()))
}
