import { describe, expect, test } from 'vitest'
import { SharedReads } from '../../../src/server/db/shared-reads.ts'
import { newId, type ViewerId } from '../../../src/server/ids.ts'
import { Contents } from '../../../src/server/streams/contents.ts'
import { followViewer } from '../../../src/server/streams/follow.ts'
import { createWakeUps } from '../../../src/server/streams/wake-ups.ts'
import { databases } from '../../support/databases.ts'
import { hooked } from '../../support/intercept.ts'

describe.each(databases)('a stream that rests between its rounds, on $name', ({ open }) => {
  test('ends at once when its reader leaves while it reads', async () => {
    await using database = await open()
    const reader = new AbortController()
    const db = hooked(database.db, () => reader.abort())
    const wakeUps = createWakeUps()
    const streams = {
      db,
      reads: new SharedReads(),
      contents: new Contents(db),
      wakeUps,
      incarnation: newId(),
    }
    const from = { seq: 0, places: new Map() }
    const events = followViewer(streams, newId<ViewerId>(), from, reader.signal, { minInterval: 60_000 })
    expect(await events.next()).toEqual({ done: true, value: undefined })
    expect(wakeUps.watched()).toEqual([])
  })
})
