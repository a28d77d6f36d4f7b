import { pino } from 'pino'
import { describe, expect, test } from 'vitest'
import type { Chat } from '../../../src/server/chat/chat.ts'
import { GenerationRunner } from '../../../src/server/chat/run-generation.ts'
import type { Db } from '../../../src/server/db/connect.ts'
import { newId, type ProcessId } from '../../../src/server/ids.ts'
import { RunLog } from '../../../src/server/streams/run-log.ts'
import { createWakeUps } from '../../../src/server/streams/wake-ups.ts'
import { databases } from '../../support/databases.ts'
import { eventually } from '../../support/eventually.ts'
import { hooked } from '../../support/intercept.ts'

describe.each(databases)('a runner on $name', ({ open }) => {
  test('looks at the queue again for who asks at any moment in which a look ends', async () => {
    await using database = await open()
    let looks = 0
    let answered = Promise.withResolvers<void>()
    const db = hooked(database.db, (statement) => {
      if (!statement.includes('as queue')) return
      looks += 1
      answered.resolve()
    })
    const runner = newRunner(db)
    // The end of a look takes fewer turns of the microtask queue than that.
    for (let turns = 0; turns < 30; turns++) {
      looks = 0
      answered = Promise.withResolvers<void>()
      runner.fill()
      await answered.promise
      for (let turn = 0; turn < turns; turn++) await Promise.resolve()
      runner.fill()
      await eventually(() => expect(looks, `after ${turns} turns`).toBe(2))
    }
    await runner.close()
  })
})

/** One that has room, and nothing to run. */
function newRunner(db: Db): GenerationRunner {
  const log = pino({ level: 'silent' })
  return new GenerationRunner({
    chat: { db, log } as Chat,
    runLog: new RunLog({ db, log, wakeUps: createWakeUps(), flushInterval: 1 }),
    processId: newId<ProcessId>(),
    retry: { retryBudget: 0, retryBase: 0 },
    limits: { runs: 1, runsPerProvider: 1 },
  })
}
