import { once } from 'node:events'
import { pino } from 'pino'
import { openDatabase } from '../../src/server/db/connect.ts'
import { migrate } from '../../src/server/db/migrate.ts'

// Opens a Postgres, says so, migrates it when it is told to, and says what it applied.
const log = pino({ level: 'silent' })
const database = await openDatabase({
  databaseUrl: process.argv[2]!,
  dataDir: '',
  log,
  vacuumInterval: 1e9,
  statementTimeout: 1e9,
})
console.log('open')
await once(process.stdin, 'data')
process.stdin.destroy()
console.log(JSON.stringify(await migrate(database.db)))
await database.close()
