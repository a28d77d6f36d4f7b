import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { inject } from 'vitest'
import { type Client, clientOf } from './app.ts'
import type { Place } from './databases.ts'

/** How a process came to its end, and what it wrote on standard error. */
export type Exit = {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly errors: string
}

/** The executable as a process of its own, killed when it goes out of scope. */
export type Parley = AsyncDisposable &
  Client & {
    readonly url: string
    readonly pid: number
    readonly exited: Promise<Exit>
    /** As `kill -9`; resolves when it is gone. */
    kill(): Promise<Exit>
    /** Asks it to stop, and waits. */
    stop(): Promise<Exit>
  }

export type LaunchOptions = {
  readonly place: Pick<Place, 'databaseUrl' | 'dataDir'>
  readonly upstream: { readonly url: string }
  readonly settings?: Readonly<Record<string, string>>
}

/** Starts the executable and waits until it listens. Throws what it wrote on standard error where it does not. */
export function startParley(options: LaunchOptions): Promise<Parley> {
  return launchParley(options).ready
}

/** An executable that may not listen yet. */
export type Launch = {
  /** When it listens; rejects with what it wrote on standard error where it ends before. */
  readonly ready: Promise<Parley>
  /** As `kill -9`; resolves when it is gone. */
  kill(): Promise<Exit>
}

/** Starts the executable. */
export function launchParley(options: LaunchOptions): Launch {
  const { child, exited } = spawnParley(options)
  const end = (signal: NodeJS.Signals) => {
    child.kill(signal)
    return exited
  }
  const kill = () => end('SIGKILL')
  const ready = Promise.race([greeting(child.stdout), exited]).then((url) => {
    if (typeof url !== 'string') throw new Error(`parley ended with code ${url.code}: ${url.errors}`)
    return {
      ...clientOf(url),
      url,
      pid: child.pid!,
      exited,
      kill,
      stop: () => end('SIGTERM'),
      [Symbol.asyncDispose]: async () => void (await kill()),
    }
  })
  return { ready, kill }
}

/** Starts the executable, and waits for its end. */
export function runParley(options: LaunchOptions): Promise<Exit> {
  return spawnParley(options).exited
}

function spawnParley({ place, upstream, settings }: LaunchOptions) {
  const child = spawn(inject('executable'), [], {
    env: {
      PORT: '0',
      PARLEY_DATA_DIR: place.dataDir,
      ...(place.databaseUrl && { DATABASE_URL: place.databaseUrl }),
      OLLAMA_BASE_URL: 'off',
      PARLEY_LIMIT_PROVIDER_FAILURES: '100000',
      ANTHROPIC_API_KEY: 'test-key',
      ANTHROPIC_BASE_URL: upstream.url,
      LOG_LEVEL: 'warn',
      // A test that wants to see answers end says so.
      PARLEY_GRACE: '0s',
      ...settings,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  return { child, exited: exitOf(child) }
}

async function exitOf(child: ChildProcessByStdio<null, Readable, Readable>): Promise<Exit> {
  const [errors, [code, signal]] = await Promise.all([text(child.stderr), once(child, 'exit')])
  return { code, signal, errors }
}

/** Its address, from its first words; what it says later is passed on. */
function greeting(output: Readable): Promise<string> {
  return new Promise((resolve) => {
    createInterface(output).on('line', (line) => {
      const address = / is at (http:\S+)/.exec(line)?.[1]
      if (address) resolve(address)
      else if (line.startsWith('{')) console.log(line)
    })
  })
}
