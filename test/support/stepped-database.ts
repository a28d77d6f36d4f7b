import { openDatabase } from '../../src/server/db/connect.ts'
import { type Hook, hooked } from './intercept.ts'

/** A database that a test can stop at each statement of an operation in turn. */
export type SteppedDatabase = {
  /** Takes the place of `openDatabase` in an app under test. */
  readonly openDatabase: typeof openDatabase
  /**
   * Lets something happen when the database has answered the `number`th statement from now, before whoever asked is
   * given the answer. One step at a time.
   */
  at(number: number, happens: () => Promise<void>): Step
}

export type Step = {
  /** When it has happened. */
  readonly done: Promise<void>
  /** Says whether the statement was reached; if it was not, nothing will happen any more. */
  end(): boolean
}

export function steppedDatabase(): SteppedDatabase {
  let left = 0
  let next: (() => Promise<void>) | null = null
  const onAnswer: Hook = async () => {
    left -= 1
    if (left !== 0 || !next) return
    const happens = next
    next = null
    await happens()
  }
  return {
    openDatabase: async (options) => {
      const database = await openDatabase(options)
      return { ...database, db: hooked(database.db, onAnswer) }
    },
    at(number, happens) {
      const { promise: done, resolve, reject } = Promise.withResolvers<void>()
      left = number
      next = () => happens().then(resolve, reject)
      return {
        done,
        end() {
          const wasReached = next === null
          next = null
          return wasReached
        },
      }
    },
  }
}
