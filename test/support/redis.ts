import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { Redis } from 'ioredis'
import { freePort } from './free-port.ts'

/** A Redis or Valkey of a test's own, that keeps nothing. */
export type TestRedis = AsyncDisposable & {
  readonly url: string
  readonly port: number
  /** As `kill -9`; resolves when it is gone. */
  kill(): Promise<void>
  /** Starts it again, empty, on the same port. */
  start(): Promise<void>
  /** Messages that it was given so far. */
  published(): Promise<number>
}

const program = ['redis-server', 'valkey-server'].find(
  (name) => spawnSync(name, ['--version'], { stdio: 'ignore' }).status === 0,
)
const given = process.env['REDIS_URL']

/** Whether there is a Redis to use, and whether there is one that a test may kill. */
export const redis = { isThere: Boolean(program ?? given), canBeStarted: Boolean(program) }

if (!redis.isThere) {
  console.warn('SKIPPED: the tests that need Redis. Install redis-server or valkey-server, or set REDIS_URL.')
} else if (!redis.canBeStarted) {
  console.warn('SKIPPED: the tests that stop Redis. Install redis-server or valkey-server.')
}

/** A URL where a Redis answers: that of REDIS_URL, or of one that is started for this. */
export async function openRedis(): Promise<AsyncDisposable & { readonly url: string }> {
  return given ? { url: given, [Symbol.asyncDispose]: async () => {} } : startRedis()
}

/** Starts one on a free port, with these further settings. */
export async function startRedis(settings: Readonly<Record<string, string>> = {}): Promise<TestRedis> {
  const port = await freePort()
  const folder = mkdtempSync(join(tmpdir(), 'parley-redis-'))
  const all = { port: String(port), bind: '127.0.0.1', dir: folder, save: '', appendonly: 'no', ...settings }
  const flags = Object.entries(all).flatMap(([name, value]) => [`--${name}`, value])
  let server: ChildProcess | null = null
  const start = async () => {
    server = spawn(program!, flags, { stdio: ['ignore', 'pipe', 'inherit'] })
    await readiness(server)
  }
  const kill = async () => {
    if (!server || server.exitCode !== null || server.signalCode !== null) return
    server.kill('SIGKILL')
    await once(server, 'exit')
  }
  await start()
  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    kill,
    start,
    published: () => countPublished(port),
    async [Symbol.asyncDispose]() {
      await kill()
      rmSync(folder, { recursive: true })
    },
  }
}

function readiness(server: ChildProcess): Promise<void> {
  const lines: string[] = []
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.once('exit', () => reject(new Error(`Redis did not start:\n${lines.join('\n')}`)))
    createInterface(server.stdout!).on('line', (line) => {
      lines.push(line)
      if (/ready to accept connections/i.test(line)) resolve()
    })
  })
}

async function countPublished(port: number): Promise<number> {
  const client = new Redis({ port, host: '127.0.0.1' })
  const calls = /cmdstat_publish:calls=(\d+)/.exec(await client.info('commandstats'))?.[1]
  client.disconnect()
  return Number(calls ?? 0)
}
