/** The databases that every test of the server runs on, as `describe.each` names them. */
const databaseNames = ['PGlite', 'Postgres'] as const
type DatabaseName = (typeof databaseNames)[number]

const oneProcess = 'takes two processes, and the embedded database belongs to one'

/** Groups of tests that one database alone has, and why; by the title of their `describe`, as `file > title`. */
export const exceptions: Readonly<Record<string, string>> = {
  'test/server/streams/run-log.test.ts > the log of runs while its commit is held open on Postgres':
    'takes two sessions, and the embedded database is one',
  'test/server/database-away.test.ts > while the database is away on Postgres':
    'the embedded database is away only together with its process',
  'test/server/chat/cancel-generation.test.ts > a cancel and the end of a run at the same instant on Postgres':
    'takes two sessions, and the embedded database is one',
  'test/server/streams/bus.test.ts > readers in another process, woken by NOTIFY on Postgres': oneProcess,
  'test/server/streams/bus.test.ts > readers in another process, woken by Redis on Postgres': oneProcess,
  'test/server/streams/bus.test.ts > NOTIFY on Postgres': oneProcess,
  'test/server/streams/bus.test.ts > Redis on Postgres': oneProcess,
  'test/server/chat/processes.test.ts > a run of a process that is gone, on Postgres': oneProcess,
  'test/server/chat/processes.test.ts > a writer and whoever takes its run, at the same moment on Postgres':
    oneProcess,
  'test/server/chat/processes.test.ts > processes beside each other on Postgres': oneProcess,
  'test/server/chat/run-races.test.ts > two processes and one run, at the same moment on Postgres':
    oneProcess,
  'test/server/deploys.test.ts > the stop of one of two processes on Postgres': oneProcess,
  'test/server/chat/queue.test.ts > processes that share one queue on Postgres': oneProcess,
}

/** One test: the titles of its file, of the groups around it, and its own. */
export type TestPath = { readonly file: string; readonly suites: readonly string[]; readonly name: string }

export type Parity = {
  readonly counts: Readonly<Record<DatabaseName, number>>
  readonly complaints: readonly string[]
}

/**
 * Counts the tests of each database, and complains about every test that one database has and the other has not,
 * but for the named exceptions.
 */
export function compareDatabases(tests: readonly TestPath[], excepted = exceptions): Parity {
  const names = { PGlite: new Set<string>(), Postgres: new Set<string>() }
  for (const test of tests) {
    const database = databaseOf(test)
    if (database && !isExcepted(test, excepted)) names[database].add(neutralName(test, database))
  }
  const [one, other] = databaseNames
  return {
    counts: { PGlite: names.PGlite.size, Postgres: names.Postgres.size },
    complaints: [...missing(names[one], names[other], other), ...missing(names[other], names[one], one)],
  }
}

function databaseOf({ suites }: TestPath): DatabaseName | undefined {
  return databaseNames.find((database) => suites.some((suite) => mentions(suite, database)))
}

function mentions(suite: string, database: DatabaseName): boolean {
  return new RegExp(`\\b${database}\\b`).test(suite)
}

function isExcepted({ file, suites }: TestPath, excepted: Readonly<Record<string, string>>): boolean {
  return suites.some((suite) => Object.hasOwn(excepted, `${file} > ${suite}`))
}

function neutralName({ file, suites, name }: TestPath, database: DatabaseName): string {
  return [file, ...suites.map((suite) => suite.replaceAll(database, '…')), name].join(' > ')
}

function missing(present: ReadonlySet<string>, other: ReadonlySet<string>, database: DatabaseName): string[] {
  return [...present.difference(other)].map((name) => `not run on ${database}: ${name}`)
}
