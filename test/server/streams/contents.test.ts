import { sql } from 'kysely'
import { describe, expect, test } from 'vitest'
import { type Tx, transaction } from '../../../src/server/db/connect.ts'
import type { GenerationId } from '../../../src/server/ids.ts'
import type { Content } from '../../../src/server/streams/content.ts'
import { Contents } from '../../../src/server/streams/contents.ts'
import { databases } from '../../support/databases.ts'
import { hooked } from '../../support/intercept.ts'
import { startRun } from '../../support/run.ts'

describe.each(databases)('the text of runs that other processes write, on $name', ({ open }) => {
  test('is read again for those who came during a read that failed', async () => {
    await using database = await open()
    const { id } = await startRun(database.db)
    const later: Promise<Content>[] = []
    const db = hooked(database.db, () => {
      if (later.length > 0) return
      later.push(contents.of(id), contents.of(id))
      throw new Error('Connection terminated')
    })
    const contents = new Contents(db)
    await expect(contents.of(id)).rejects.toThrow('Connection terminated')
    const [second, third] = await Promise.all(later)
    expect(second?.ended).toBe(false)
    expect(third).toBe(second)
  })

  test('is read in one statement for all runs that are asked for at once', async () => {
    await using database = await open()
    const runs = [await startRun(database.db), await startRun(database.db), await startRun(database.db)]
    let statements = 0
    const contents = new Contents(hooked(database.db, () => void (statements += 1)))
    const read = await Promise.all([...runs, ...runs].map(({ id }) => contents.of(id)))
    expect(new Set(read).size).toBe(3)
    expect(statements).toBe(1)
  })

  test('is read on from where it was read to, however long it is', async () => {
    await using database = await open()
    const { id } = await startRun(database.db)
    await transaction(database.db, async (tx) => {
      const contents = new Contents(tx)
      await write(tx, id, 0, 2_000)
      const content = await contents.of(id)
      const before = await rowsLookedAt(tx)
      await write(tx, id, 2_000, 1)
      expect(await contents.of(id)).toBe(content)
      expect(content.parts[0]?.text.length).toBe(2_001)
      expect((await rowsLookedAt(tx)) - before).toBeLessThan(10)
    })
  })
})

/** Chunks of one letter. */
async function write(tx: Tx, id: GenerationId, start: number, count: number): Promise<void> {
  await sql`insert into chunk (generation_id, part, start, length, kind, text)
    select ${id}, 0, start, 1, 'TEXT', 'a'
    from generate_series(${start}::integer, ${start + count - 1}::integer) as start`.execute(tx)
}

/** Rows of chunks that this transaction has read so far. */
async function rowsLookedAt(tx: Tx): Promise<number> {
  const { rows } = await sql<{ count: number }>`select (seq_tup_read + idx_tup_fetch)::integer as count
    from pg_stat_xact_user_tables where relname = 'chunk'`.execute(tx)
  return rows[0]!.count
}
