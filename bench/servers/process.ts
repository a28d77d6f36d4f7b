import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

/** A child process, ended when it goes out of scope. */
export type Program = AsyncDisposable & {
  readonly pid: number
  /** Lines of its standard output, each given once. */
  readonly lines: AsyncIterator<string>
  /** Where its inspector listens; never resolves without {@link inspected}. */
  readonly inspector: Promise<string>
}

/** Whatever ends this process must not leave the others running. */
const running = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of running) child.kill()
})

/** Part of the environment of a program that is to be inspected. */
export const inspected = { NODE_OPTIONS: '--inspect=127.0.0.1:0' }

/** Part of the environment of a program that writes profiles of its processor time when it ends, one for each thread. */
export function profiled(name: string): Record<string, string> {
  return { NODE_OPTIONS: `--cpu-prof --cpu-prof-dir=${join('reports', 'profiles', name)}` }
}

export function startProgram(
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Program {
  const child = spawn(command, args, { env, stdio: ['ignore', 'pipe', 'pipe'] })
  const exited = once(child, 'exit')
  running.add(child)
  child.once('exit', () => running.delete(child))
  const inspector = Promise.withResolvers<string>()
  createInterface(child.stderr).on('line', (line) => {
    const url = /^Debugger listening on (\S+)/.exec(line)?.[1]
    if (url) inspector.resolve(url)
    else if (!/^(For help, see:|Debugger (attached|ending))/.test(line)) console.error(line)
  })
  return {
    pid: child.pid!,
    lines: createInterface(child.stdout)[Symbol.asyncIterator](),
    inspector: inspector.promise,
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGTERM')
      await exited
    },
  }
}

/** The next line in which `pattern` is found, as its first group. */
export async function lineWith({ lines }: Program, pattern: RegExp): Promise<string> {
  for (;;) {
    const { done, value } = await lines.next()
    if (done) throw new Error(`The program ended before it said ${pattern}`)
    const found = pattern.exec(value)?.[1]
    if (found !== undefined) return found
  }
}
