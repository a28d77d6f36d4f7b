import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

/** A process of its own that runs one of the scripts `*-child.ts`, killed when it goes out of scope. */
export type Child = AsyncDisposable & {
  readonly pid: number
  /** The next line that it writes; null once it has ended. */
  readonly line: () => Promise<string | null>
  /** Everything that it writes from here to its end. */
  readonly rest: () => Promise<string[]>
  readonly send: (line: string) => void
  /** As `kill -9`; resolves when it is gone. */
  readonly kill: () => Promise<void>
}

export function startChild(script: string, ...args: string[]): Child {
  const file = fileURLToPath(new URL(`${script}-child.ts`, import.meta.url))
  const child = spawn(process.execPath, [file, ...args], { stdio: ['pipe', 'pipe', 'inherit'] })
  const exited = once(child, 'exit')
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]()
  const line = async () => {
    const next = await lines.next()
    return next.done ? null : next.value
  }
  const kill = async () => {
    child.kill('SIGKILL')
    await exited
  }
  const rest = async () => {
    const all: string[] = []
    for (let next = await line(); next !== null; next = await line()) all.push(next)
    return all
  }
  return {
    pid: child.pid!,
    line,
    rest,
    kill,
    send: (text) => child.stdin.write(`${text}\n`),
    [Symbol.asyncDispose]: kill,
  }
}

/** Bytes: of a process, of what JavaScript holds in it, and of what each of its connections has yet to take. */
export type Memory = { readonly rss: number; readonly heap: number; readonly unsent: readonly number[] }

/** What a server needs that `startChild('serve', …)` has started, when all garbage is collected. */
export async function memoryOf(server: Child): Promise<Memory> {
  server.send('')
  return JSON.parse((await server.line())!) as Memory
}
