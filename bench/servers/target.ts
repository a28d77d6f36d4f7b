import type { Dialect } from '../load/group.ts'
import type { Program } from './process.ts'

/** What every target is started with. */
export type Surroundings = {
  readonly upstreamUrl: string
  /** Whether it writes a profile of its processor time when it ends. */
  readonly profile: boolean
}

/** A server under test. */
export type Target = Program & {
  readonly name: string
  readonly url: string
  readonly dialect: Dialect
  /** The server of its database, when that is a process of its own. */
  readonly databasePid: number | null
}
