import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'

/** A child process, ended when it goes out of scope. */
export type Program = AsyncDisposable & {
  readonly pid: number
  /** Lines of its standard output, each given once. */
  readonly lines: AsyncIterator<string>
  send(line: string): void
}

export function startProgram(command: string, args: readonly string[], env: Record<string, string>): Program {
  const child = spawn(command, args, { env, stdio: ['pipe', 'pipe', 'inherit'] })
  const exited = once(child, 'exit')
  return {
    pid: child.pid!,
    lines: createInterface(child.stdout)[Symbol.asyncIterator](),
    send: (line) => void child.stdin.write(`${line}\n`),
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

/** Milliseconds of processor time that a process has used, in all of its threads. */
export function cpuTime(pid: number): number {
  if (existsSync('/proc/self/stat')) {
    // Behind the name, which may hold anything: fields 14 and 15 of proc(5), in hundredths of a second.
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ')
    return (Number(fields[11]) + Number(fields[12])) * 10
  }
  const parts = execFileSync('ps', ['-o', 'time=', '-p', `${pid}`], { encoding: 'utf8' })
    .trim()
    .split(':')
  return parts.reduce((seconds, part) => seconds * 60 + Number(part), 0) * 1000
}

/** Megabytes of memory that a process has in use. */
export function residentMemory(pid: number): number {
  if (existsSync('/proc/self/status')) {
    return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024
  }
  return Number(execFileSync('ps', ['-o', 'rss=', '-p', `${pid}`], { encoding: 'utf8' })) / 1024
}
