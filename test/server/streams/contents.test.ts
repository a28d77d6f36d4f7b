import { describe, expect, test } from 'vitest'
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
})
