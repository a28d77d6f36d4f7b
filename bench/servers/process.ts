import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'

/** A child process, ended when it goes out of scope. */
export type Program = AsyncDisposable & {
  readonly pid: number
  /** Lines of its standard output, each given once. */
  readonly lines: AsyncIterator<string>
}

export function startProgram(
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Program {
  const child = spawn(command, args, { env, stdio: ['ignore', 'pipe', 'inherit'] })
  const exited = once(child, 'exit')
  return {
    pid: child.pid!,
    lines: createInterface(child.stdout)[Symbol.asyncIterator](),
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
