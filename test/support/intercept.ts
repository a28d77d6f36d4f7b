import type { KyselyPlugin, QueryId } from 'kysely'
import { type Db, openDatabase } from '../../src/server/db/connect.ts'

/** Called when the database has answered a statement, before whoever asked is given the answer. */
export type Hook = (statement: string) => Promise<void> | void

export type Interceptor = {
  /** Takes the place of `openDatabase` in an app under test. */
  readonly openDatabase: typeof openDatabase
  /** Runs `hook` once, at the next statement that contains `text`; resolves when the hook has. */
  once(text: string, hook: Hook): Promise<void>
}

/** Puts a test between a server and its database: a race is forced at one statement instead of hoped for. */
export function interceptor(): Interceptor {
  const waiting: { text: string; run: Hook }[] = []
  const onAnswer: Hook = async (statement) => {
    const index = waiting.findIndex(({ text }) => statement.includes(text))
    const [found] = index < 0 ? [] : waiting.splice(index, 1)
    await found?.run(statement)
  }
  return {
    openDatabase: async (options) => {
      const database = await openDatabase(options)
      return { ...database, db: hooked(database.db, onAnswer) }
    },
    once: (text, hook) =>
      new Promise((resolve, reject) => {
        const run: Hook = async (statement) => {
          try {
            await hook(statement)
            resolve()
          } catch (error) {
            reject(error)
          }
        }
        waiting.push({ text, run })
      }),
  }
}

/** The same database, with `hook` called at each of its answers; what that throws takes the answer's place. */
export function hooked(db: Db, hook: Hook): Db {
  return db.withPlugin(answerHook(db, hook))
}

/** As when the connection breaks between the first commit and its confirmation. */
export function losingFirstAnswer(db: Db): Db {
  let isLost = false
  return hooked(db, () => {
    if (isLost) return
    isLost = true
    throw new Error('Connection terminated')
  })
}

type Compiler = { getExecutor(): { compileQuery(node: never, id: QueryId): { sql: string } } }

function answerHook(compiler: Compiler, onAnswer: Hook): KyselyPlugin {
  const statements = new WeakMap<QueryId, string>()
  return {
    transformQuery({ node, queryId }) {
      statements.set(queryId, compiler.getExecutor().compileQuery(node as never, queryId).sql)
      return node
    },
    async transformResult({ queryId, result }) {
      await onAnswer(statements.get(queryId) ?? '')
      return result
    },
  }
}
