import { sql } from 'kysely'
import { describe, expect, test } from 'vitest'
import { type Db, type Tx, transaction } from '../../../src/server/db/connect.ts'
import type { GenerationId } from '../../../src/server/ids.ts'
import type { Content, Tail } from '../../../src/server/streams/content.ts'
import { Contents } from '../../../src/server/streams/contents.ts'
import { databases } from '../../support/databases.ts'
import { hooked } from '../../support/intercept.ts'
import { partsOf, startRun } from '../../support/run.ts'

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

  test('goes on with what its writer sends, and asks the database for nothing of that', async () => {
    await using database = await open()
    const { id } = await startRun(database.db)
    let statements = 0
    const contents = new Contents(hooked(database.db, () => void (statements += 1)))
    const content = await contents.of(id)
    expect(contents.extend(tail(id, [0, 0, 'Well, '], [0, 6, 'because']))).toBe(true)
    expect(contents.extend(tail(id, [0, 13, ' it is'], [1, 0, 'so']))).toBe(true)
    expect(contents.extend(tail(id, [1, 2, '.']))).toBe(true)
    expect(contents.heldOf(id)).toBe(content)
    expect(partsOf(content).map(({ text }) => text)).toEqual(['Well, because it is', 'so.'])
    expect(statements).toBe(1)
  })

  test.each<[string, [number, number, string][]]>([
    ['leaves something out', [[0, 3, 'c']]],
    ['comes again', [[0, 0, 'ab']]],
    ['comes again with more', [[0, 0, 'abc']]],
    ['leaves out the end of a part', [[1, 0, 'c']]],
    [
      'leaves out a part',
      [
        [0, 2, 'c'],
        [2, 0, 'd'],
      ],
    ],
    [
      'leaves something out further on',
      [
        [0, 2, 'c'],
        [0, 4, 'd'],
      ],
    ],
  ])('is read from the database where what is sent %s', async (_what, chunks) => {
    await using database = await open()
    const { id } = await startRun(database.db)
    await write(database.db, id, 0, 2)
    const contents = new Contents(database.db)
    const content = await contents.of(id)
    expect(contents.extend(tail(id, ...chunks))).toBe(false)
    expect(partsOf(content)).toEqual([{ kind: 'TEXT', text: 'aa' }])
  })

  test('takes nothing of another revision, of a run that has ended, or that nobody reads or this process writes', async () => {
    await using database = await open()
    const [other, ended, unread, own] = [
      await startRun(database.db),
      await startRun(database.db),
      await startRun(database.db),
      await startRun(database.db),
    ]
    await sql`update generation set revision = 1 where id = ${other.id}`.execute(database.db)
    await sql`update generation set status = 'COMPLETED' where id = ${ended.id}`.execute(database.db)
    const contents = new Contents(database.db)
    const held = await Promise.all([other, ended, own].map(({ id }) => contents.of(id)))
    const written = contents.own(own.id, own.content.messageId)
    for (const { id } of [other, ended, unread, own])
      expect(contents.extend(tail(id, [0, 0, 'a']))).toBe(false)
    for (const content of [...held, written]) expect(partsOf(content)).toEqual([])
    expect(contents.extend({ ...tail(other.id, [0, 0, 'a']), revision: 1 })).toBe(true)
  })

  test('stays exact where a read and what is sent overtake each other', async () => {
    await using database = await open()
    const { id } = await startRun(database.db)
    let isSent = false
    const contents: Contents = new Contents(
      hooked(database.db, () => {
        // The statement has seen the first two letters; the third is there before its answer.
        if (isSent) expect(contents.extend(tail(id, [0, 0, 'a'], [0, 1, 'a'], [0, 2, 'b']))).toBe(true)
      }),
    )
    const content = await contents.of(id)
    await write(database.db, id, 0, 2)
    isSent = true
    await contents.of(id)
    expect(partsOf(content)).toEqual([{ kind: 'TEXT', text: 'aab' }])
  })
})

function tail(generationId: GenerationId, ...chunks: [number, number, string][]): Tail {
  return {
    generationId,
    revision: 0,
    at: new Date(),
    chunks: chunks.map(([part, start, text]) => ({ part, start, kind: 'TEXT', text })),
  }
}

/** Chunks of one letter. */
async function write(tx: Db | Tx, id: GenerationId, start: number, count: number): Promise<void> {
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
