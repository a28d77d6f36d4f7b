import { existsSync, fdatasyncSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { type MessagePort, parentPort, workerData } from 'node:worker_threads'
import { PGlite, type postgresMod } from '@electric-sql/pglite'
import { NodeFS } from '@electric-sql/pglite/nodefs'
import { readAsset } from './assets.ts'
import { PortStream } from './port-stream.ts'
import { unpack } from './template.ts'
import { shareBackend } from './wire.ts'

export type EmbeddedWorkerData = {
  /** Postgres's own folder. */
  readonly directory: string
  /** Where to listen; null: connections come as message ports. */
  readonly socket: string | null
  /** One Int32: how often something was synced to disk. */
  readonly syncs: SharedArrayBuffer
}

export type FromWorker =
  | { readonly type: 'ready' }
  | { readonly type: 'log'; readonly line: string }
  /** The last message: Postgres cannot go on, or could not start. */
  | { readonly type: 'failed'; readonly reason: string }

/** First the program to run, then connections, at last the wish to stop. */
export type ToWorker =
  | { readonly type: 'start'; readonly program: WebAssembly.Module }
  | { readonly type: 'connect'; readonly port: MessagePort }
  | { readonly type: 'close' }

const { directory, socket, syncs } = workerData as EmbeddedWorkerData
const synced = new Int32Array(syncs)
/** Postgres's last words: what it throws says less. */
let lastFatal: string | null = null

type Module = postgresMod.PostgresMod

/** PGlite's view of the host's files, with an fsync: its own does nothing, and nothing would survive a power cut. */
class DurableFiles extends NodeFS {
  override async init(pg: PGlite, options: Partial<Module>): Promise<{ emscriptenOpts: Partial<Module> }> {
    const { emscriptenOpts } = await super.init(pg, options)
    return { emscriptenOpts: { ...emscriptenOpts, preRun: [...(emscriptenOpts.preRun ?? []), addSync] } }
  }
}

/** What of Emscripten's NODEFS its types leave out. */
type HostFiles = {
  readonly stream_ops: { fsync?: (stream: OpenFile) => number }
  /** Turns an error of Node into one that Postgres gets as errno. */
  tryFSOperation(operation: () => void): void
}

type OpenFile = { readonly nfd: number; readonly node: { readonly mode: number } }

function addSync(module: Module): void {
  const files = module.FS.filesystems.NODEFS as unknown as HostFiles
  files.stream_ops.fsync = ({ nfd, node }) => {
    // Windows syncs no directories; its file systems keep their entries in a journal.
    if (process.platform === 'win32' && module.FS.isDir(node.mode)) return 0
    files.tryFSOperation(() => fdatasyncSync(nfd))
    Atomics.add(synced, 0, 1)
    return 0
  }
}

/** The files that PGlite brings along, where they lie: a plain Blob copies them, and so does what it is asked for. */
class FilesInPlace extends Blob {
  override async arrayBuffer(): Promise<ArrayBuffer> {
    return readAsset('pglite.data').buffer
  }
}

/** Without the query by which it prepares to parse arrays: what Postgres answers is parsed elsewhere. */
class Server extends PGlite {
  override async _initArrayTypes(): Promise<void> {}
}

const startParams = [
  ...PGlite.defaultStartParams.filter((parameter) => parameter !== '-F'),
  // The default, fdatasync, is an empty function in Emscripten.
  ...['-c', 'wal_sync_method=fsync'],
  // Its log goes into ours, which holds nobody's texts.
  ...['-c', 'log_min_error_statement=panic'],
  // A quarter of the default, for 100 MB less of resident memory; the host's cache serves the rest nearly as fast.
  ...['-c', 'shared_buffers=32MB'],
  // Plans are kept, also those made while a table was small enough to be read whole.
  ...['-c', 'enable_seqscan=off'],
]

async function startPostgres(program: WebAssembly.Module): Promise<PGlite> {
  if (!existsSync(join(directory, 'PG_VERSION'))) unpack(readAsset('pgdata-template'), directory)
  const pg = new Server({
    fs: new DurableFiles(directory),
    pgliteWasmModule: program,
    fsBundle: new FilesInPlace(),
    startParams,
    onStderr: noteLine,
  })
  await pg.waitReady
  dieWithPostgres(pg.Module)
  return pg
}

function noteLine(line: string): boolean {
  lastFatal = /(?:FATAL|PANIC):\s+(.*)/.exec(line)?.[1] ?? lastFatal
  tell({ type: 'log', line })
  return false
}

/** PGlite swallows every exception of the main loop, and would spin in a Postgres that is gone. */
function dieWithPostgres(module: Module): void {
  const runOnce = module._PostgresMainLoopOnce
  module._PostgresMainLoopOnce = () => {
    try {
      runOnce()
    } catch (error) {
      // The jump out of a failed statement: the only one after which the session goes on.
      if ((error as { status?: number }).status === 100) throw error
      die(error)
    }
  }
}

function die(error: unknown): never {
  tell({ type: 'failed', reason: lastFatal ?? String(error) })
  process.exit(1)
}

function tell(message: FromWorker): void {
  parentPort?.postMessage(message)
}

async function run(program: WebAssembly.Module): Promise<void> {
  const pg = await startPostgres(program)
  const accept = shareBackend({
    // Runs to the end before it answers with its promise.
    run: (messages, onRawData) => {
      pg.execProtocolRawStream(messages, { syncToFs: false, onRawData }).catch(die)
    },
    inTransaction: () => pg.isInTransaction(),
  })
  parentPort?.on('message', (message: ToWorker) => {
    if (message.type === 'connect') accept(new PortStream(message.port))
    else if (message.type === 'close') void pg.close().finally(() => process.exit(0))
  })
  if (socket === null) tell({ type: 'ready' })
  else
    createServer(accept)
      .on('error', die)
      .listen(socket, () => tell({ type: 'ready' }))
}

parentPort?.once('message', (first: ToWorker) => {
  if (first.type === 'start') run(first.program).catch(die)
})
