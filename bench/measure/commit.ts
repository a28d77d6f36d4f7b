import { sql } from 'kysely'
import { pino } from 'pino'
import { openDatabase } from '../../src/server/db/connect.ts'
import { makePlace, type ParleyName } from '../servers/parley.ts'

/** A database like a Parley's, with nothing in it but a table to commit into. */
export type BareDatabase = AsyncDisposable & {
  /** Milliseconds of one commit of one small row, a number of times, one after the other. */
  commits(count: number): Promise<number[]>
}

/** Opens an empty one of the kind that `name` uses, as the product opens it. */
export async function openBareDatabase(name: ParleyName): Promise<BareDatabase> {
  await using stack = new AsyncDisposableStack()
  const { settings } = stack.use(await makePlace(name))
  const { db, close } = await openDatabase({
    databaseUrl: settings['DATABASE_URL'] ?? null,
    dataDir: settings['PARLEY_DATA_DIR']!,
    log: pino({ level: 'error' }),
    vacuumInterval: 1e9,
    statementTimeout: 1e9,
  })
  stack.defer(close)
  await sql`create table row (id integer, text text)`.execute(db)
  const commit = async (id: number) => {
    const began = performance.now()
    await sql`insert into row values (${id}, 'a few words')`.execute(db)
    return performance.now() - began
  }
  const opened = stack.move()
  return {
    commits: async (count) => {
      const times: number[] = []
      while (times.length < count) times.push(await commit(times.length))
      return times
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  }
}
