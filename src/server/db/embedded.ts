import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join, resolve } from 'node:path'
import type { Duplex } from 'node:stream'
import { MessageChannel, type Worker } from 'node:worker_threads'
import { StartError } from '../errors.ts'
import type { Logger } from '../log.ts'
import { readAsset, startWorker } from './assets.ts'
import type { EmbeddedWorkerData, FromWorker, ToWorker } from './embedded-worker.ts'
import { lockDataDir } from './lock.ts'
import { PortStream } from './port-stream.ts'

/** A Postgres inside this process. */
export type Embedded = {
  /** For `pg`: how to get to it. */
  readonly connection: { readonly host: string } | { readonly stream: () => Duplex }
  /** Resolves when it has broken down. What it had committed is safe. */
  readonly failed: Promise<Error>
  /** How often it has synced a file to disk. */
  syncs(): number
  /** Stops it in good order, cutting connections that are still open. */
  close(): Promise<void>
}

/** Milliseconds that a stop may take before the thread is cut off; the next start then recovers from the log. */
const stopTimeout = 10_000

/**
 * Starts the Postgres of `dataDir`, in a thread of its own because it blocks the one it runs in.
 *
 * `dataDir` is made when it does not exist, readable for its owner alone, and is locked until `close` or the end of
 * the process. `transport`: how connections get to it; a Unix socket by default, wherever there are any.
 *
 * @throws StartError when another process has the directory, or Postgres does not start on it
 */
export async function startEmbedded(options: {
  readonly dataDir: string
  readonly log: Logger
  readonly transport?: 'socket' | 'port'
}): Promise<Embedded> {
  const { log, transport = process.platform === 'win32' ? 'port' : 'socket' } = options
  const dataDir = resolve(options.dataDir)
  const directory = makeDirectories(dataDir)
  const unlock = lockDataDir(dataDir)
  const release = () => {
    process.off('exit', release)
    removeSocketFolder(dataDir)
    unlock()
  }
  process.on('exit', release)
  try {
    const host = transport === 'socket' ? makeSocketFolder(dataDir) : null
    const data = { directory, socket: host && socketIn(host), syncs: new SharedArrayBuffer(4) }
    const worker = startWorker({ workerData: data satisfies EmbeddedWorkerData })
    const { ready, failed, stop } = supervise(worker, log)
    await Promise.all([ready, giveProgram(worker)])
    return {
      connection: host === null ? { stream: () => connect(worker) } : { host },
      failed,
      syncs: () => Atomics.load(new Int32Array(data.syncs), 0),
      close: () => stop().finally(release),
    }
  } catch (error) {
    release()
    throw new StartError(`Cannot open the database in ${dataDir}: ${(error as Error).message}`, {
      cause: error,
    })
  }
}

/** `dataDir` with Postgres's own folder in it; answers with that. What is there already keeps its owner's mode. */
function makeDirectories(dataDir: string): string {
  const directory = join(dataDir, 'postgres')
  try {
    makeDirectory(dataDir)
    if (existsSync(directory)) chmodSync(directory, 0o700)
  } catch (error) {
    throw new StartError(`Cannot use ${dataDir}: ${(error as Error).message}`, { cause: error })
  }
  return directory
}

/** Not by `recursive`, which never returns where a parent exists and yet takes no directory, as in /proc. */
function makeDirectory(path: string): void {
  if (!existsSync(path)) {
    makeDirectory(dirname(path))
    try {
      mkdirSync(path, { mode: 0o700 })
    } catch (error) {
      // Another process may have been faster.
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
  }
  if (!statSync(path).isDirectory())
    throw new Error(`${path} is not a directory: set PARLEY_DATA_DIR to another`)
}

/** A thread's life: `ready` rejects, and `failed` resolves, when it ends before `stop`. */
function supervise(worker: Worker, log: Logger) {
  const ready = Promise.withResolvers<void>()
  const failed = Promise.withResolvers<Error>()
  const exited = Promise.withResolvers<void>()
  let reason = 'its thread has ended'
  let stopping = false
  worker.on('message', (message: FromWorker) => {
    if (message.type === 'ready') ready.resolve()
    else if (message.type === 'log') log.debug({ postgres: message.line }, 'embedded database')
    else reason = message.reason
  })
  worker.on('error', (error: Error) => {
    reason = error.message
  })
  worker.on('exit', () => {
    exited.resolve()
    ready.reject(new Error(reason))
    if (!stopping) failed.resolve(new Error(`The embedded database has broken down: ${reason}`))
  })
  const stop = async () => {
    stopping = true
    worker.postMessage({ type: 'close' } satisfies ToWorker)
    const cutOff = setTimeout(() => void worker.terminate(), stopTimeout)
    await exited.promise
    clearTimeout(cutOff)
  }
  return { ready: ready.promise, failed: failed.promise, stop }
}

/** Compiled here, while the thread comes up. */
async function giveProgram(worker: Worker): Promise<void> {
  const program = await WebAssembly.compile(readAsset('pglite.wasm'))
  worker.postMessage({ type: 'start', program } satisfies ToWorker)
}

function connect(worker: Worker): Duplex {
  const { port1, port2 } = new MessageChannel()
  worker.postMessage({ type: 'connect', port: port2 } satisfies ToWorker, [port2])
  return new PortStream(port1)
}

/** As `pg` and psql build it from a host that is a folder. */
function socketIn(folder: string): string {
  return join(folder, '.s.PGSQL.5432')
}

/**
 * A new folder that only we may enter, in a place short enough for the socket's path: the kernel takes 108 bytes, on
 * macOS 104. `socket` in `dataDir` links to it, for psql, and for the next start to remove when we are killed.
 */
function makeSocketFolder(dataDir: string): string {
  removeSocketFolder(dataDir)
  const place =
    [tmpdir(), '/tmp'].find((parent) => socketIn(join(parent, 'parley-123456')).length < 104) ?? dataDir
  const folder = mkdtempSync(join(place, 'parley-'))
  symlinkSync(folder, join(dataDir, 'socket'))
  return folder
}

function removeSocketFolder(dataDir: string): void {
  const link = join(dataDir, 'socket')
  const folder = linkTarget(link)
  if (folder === null) return
  if (basename(folder).startsWith('parley-')) rmSync(folder, { recursive: true, force: true })
  rmSync(link, { force: true })
}

function linkTarget(link: string): string | null {
  try {
    return readlinkSync(link)
  } catch {
    return null
  }
}
