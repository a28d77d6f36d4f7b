import { sql } from 'kysely'
import { describe, expect, test } from 'vitest'
import { createPoll } from '../../../src/server/streams/poll.ts'
import { createWakeUps } from '../../../src/server/streams/wake-ups.ts'
import { databases } from '../../support/databases.ts'
import { startRun } from '../../support/run.ts'

describe.each(databases)('the poll on $name', ({ open }) => {
  test('wakes whoever listens to what has moved since the last look, whoever moved it', async () => {
    await using database = await open()
    const { db } = database
    const { id, conversation, viewer } = await startRun(db)
    const wakeUps = createWakeUps()
    const poll = createPoll(db, wakeUps)
    const topics = [`run:${id}`, `conversation:${conversation}`, `viewer:${viewer}`] as const
    using listener = wakeUps.listen(topics)
    await poll()
    listener.take()

    await poll()
    expect(listener.take()).toEqual(new Set())

    await sql`insert into chunk (generation_id, part, start, length, kind, text) values (${id}, 0, 0, 2, 'TEXT', 'Hi')`.execute(
      db,
    )
    await poll()
    expect(listener.take()).toEqual(new Set([`run:${id}`]))

    await sql`update conversation set last_seq = last_seq + 1`.execute(db)
    await sql`update viewer set last_seq = last_seq + 1`.execute(db)
    await poll()
    expect(listener.take()).toEqual(new Set(topics.slice(1)))

    await sql`update generation set status = 'COMPLETED'`.execute(db)
    await poll()
    expect(listener.take()).toEqual(new Set([`run:${id}`]))
  })
})
