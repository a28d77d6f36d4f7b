import type { Kysely } from 'kysely'
import * as initial from './0001-initial.ts'
import * as runsThatWaitAndGoOn from './0002-runs-that-wait-and-go-on.ts'
import * as chunkWithoutReference from './0003-chunk-without-reference.ts'
import * as ledger from './0004-ledger.ts'

/**
 * `expand` only adds or loosens: the release before runs on its result. `contract` removes what no supported release uses any
 * more: a release that does not know it refuses the database.
 */
export type Migration = {
  readonly kind: 'expand' | 'contract'
  readonly up: (db: Kysely<unknown>) => Promise<void>
}

/** Every migration in order. A static list: an executable has no folder to read. */
export const migrations: Readonly<Record<string, Migration>> = {
  '0001-initial': { kind: 'expand', ...initial },
  '0002-runs-that-wait-and-go-on': { kind: 'expand', ...runsThatWaitAndGoOn },
  '0003-chunk-without-reference': { kind: 'expand', ...chunkWithoutReference },
  '0004-ledger': { kind: 'expand', ...ledger },
}
