import { describe, expect, test } from 'vitest'
import { Contents } from '../../../src/server/streams/contents.ts'
import { databases } from '../../support/databases.ts'
import { losingFirstAnswer } from '../../support/intercept.ts'
import { startRun } from '../../support/run.ts'

describe.each(databases)('the text of runs that other processes write, on $name', ({ open }) => {
  test('is read again for those who came during a read that failed', async () => {
    await using database = await open()
    const { id } = await startRun(database.db)
    const contents = new Contents(losingFirstAnswer(database.db))
    const [first, second, third] = [contents.of(id), contents.of(id), contents.of(id)]
    await expect(first).rejects.toThrow('Connection terminated')
    expect((await second).ended).toBe(false)
    expect(await third).toBe(await second)
  })
})
