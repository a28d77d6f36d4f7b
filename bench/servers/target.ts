import type { Dialect } from '../load/group.ts'

/** A server under test. */
export type Target = AsyncDisposable & {
  readonly name: string
  readonly pid: number
  readonly url: string
  readonly dialect: Dialect
  /** The server of its database, when that is a process of its own. */
  readonly databasePid: number | null
}
