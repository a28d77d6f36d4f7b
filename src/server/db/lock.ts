import { closeSync, existsSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { StartError } from '../errors.ts'

/** How long a second process waits for the first to go, so that a restart may overlap: milliseconds. */
const patience = 500

/** Referenced from here, because a collected handle would give up its lock. */
const held = new Set<DatabaseSync>()

/**
 * Holds `dataDir` for this process alone until the returned function is called or the process ends, however it
 * ends. Throws a StartError that names the directory and the process that holds it.
 *
 * The lock is the kernel's: SQLite, which Node brings along, takes a byte-range lock (`fcntl`, on Windows
 * `LockFileEx`) on the file `lock`. It dies with its process, so there is no stale lock to judge and no race
 * between two processes that judge it; and unlike a process id it means the same in two containers that share a
 * volume. The id in `lock.pid` is only for the message, and is never believed.
 *
 * `fcntl` locks are lost when their process closes any descriptor of the file: nothing else may open `lock`.
 */
export function lockDataDir(dataDir: string): () => void {
  const holder = join(dataDir, 'lock.pid')
  const file = openLock(dataDir)
  try {
    file.exec('pragma journal_mode = memory; begin exclusive')
  } catch (error) {
    file.close()
    if (isBusy(error)) throw new StartError(`Cannot use ${dataDir}: ${describeHolder(holder)} is using it`)
    throw new StartError(`Cannot lock ${dataDir}: ${(error as Error).message}`, { cause: error })
  }
  held.add(file)
  writeFileSync(holder, `${process.pid}\n`, { mode: 0o600 })
  return () => {
    if (!held.delete(file)) return
    rmSync(holder, { force: true })
    file.close()
  }
}

function openLock(dataDir: string): DatabaseSync {
  const path = join(dataDir, 'lock')
  try {
    // Says why it cannot be made, where SQLite would only say that it cannot be opened.
    if (!existsSync(path)) closeSync(openSync(path, 'a', 0o600))
    return new DatabaseSync(path, { timeout: patience })
  } catch (error) {
    throw new StartError(`Cannot lock ${dataDir}: ${(error as Error).message}`, { cause: error })
  }
}

/** SQLITE_BUSY is 5. */
function isBusy(error: unknown): boolean {
  return error instanceof Error && 'errcode' in error && error.errcode === 5
}

function describeHolder(file: string): string {
  const pid = existsSync(file) ? readFileSync(file, 'utf8').trim() : ''
  return pid === '' ? 'another process' : `process ${pid}`
}
