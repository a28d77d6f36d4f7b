import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { lockDataDir } from '../../../src/server/db/lock.ts'
import { StartError } from '../../../src/server/errors.ts'
import { type Child, startChild } from '../../support/child.ts'

let dataDir: string
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'parley-lock-'))
})
afterEach(() => rmSync(dataDir, { recursive: true }))

/** A process that is ready to lock `dataDir`, and what it says once it was told to. */
async function startTaker(): Promise<Child & { readonly take: () => Promise<string | null> }> {
  const child = startChild('lock', dataDir)
  expect(await child.line()).toBe('there')
  const take = () => {
    child.send('go')
    return child.line()
  }
  return { ...child, take }
}

describe('the lock of a data directory', () => {
  test('keeps a second process out, which names the directory and the first', async () => {
    await using holder = await startTaker()
    expect(await holder.take()).toBe('locked')
    expect(() => lockDataDir(dataDir)).toThrow(
      new StartError(`Cannot use ${dataDir}: process ${holder.pid} is using it`),
    )
  })

  test('keeps the same process out, too', () => {
    const unlock = lockDataDir(dataDir)
    expect(() => lockDataDir(dataDir)).toThrow(`process ${process.pid} is using it`)
    unlock()
  })

  test('is free again once it was given back, and may be given back twice', async () => {
    const unlock = lockDataDir(dataDir)
    unlock()
    unlock()
    expect(existsSync(join(dataDir, 'lock.pid'))).toBe(false)
    lockDataDir(dataDir)()
  })

  test('of a process that was killed is taken over', async () => {
    await using holder = await startTaker()
    await holder.take()
    await holder.kill()
    expect(readFileSync(join(dataDir, 'lock.pid'), 'utf8')).toBe(`${holder.pid}\n`)
    lockDataDir(dataDir)()
  })

  test('of a process that was killed is taken over, though its id belongs to another live process by now', async () => {
    await using holder = await startTaker()
    await holder.take()
    await holder.kill()
    await using other = await startTaker()
    writeFileSync(join(dataDir, 'lock.pid'), `${other.pid}\n`)
    const unlock = lockDataDir(dataDir)
    expect(readFileSync(join(dataDir, 'lock.pid'), 'utf8')).toBe(`${process.pid}\n`)
    unlock()
  })

  test('of a process that was killed goes to exactly one of several that want it at once', async () => {
    for (let round = 0; round < 3; round++) {
      const takers = await Promise.all([startTaker(), startTaker(), startTaker()])
      const answers = await Promise.all(takers.map((taker) => taker.take()))
      const winner = takers[answers.indexOf('locked')]
      const lost = answers.filter(
        (answer) => answer === `Cannot use ${dataDir}: process ${winner?.pid} is using it`,
      )
      expect(lost).toHaveLength(takers.length - 1)
      // The winner is killed with the lock in its hands: the next round's takers meet a stale one.
      await Promise.all(takers.map((taker) => taker.kill()))
    }
  })

  test('that cannot be had is reported with the reason', () => {
    const missing = join(dataDir, 'missing')
    expect(() => lockDataDir(missing)).toThrow(StartError)
    expect(() => lockDataDir(missing)).toThrow(`Cannot lock ${missing}: `)
  })
})
