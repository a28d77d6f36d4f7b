import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Program } from '../servers/process.ts'

/** Bytes of memory that a process has in use. */
export function residentMemory(pid: number): number {
  return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1_024
}

/** Bytes of memory that an inspected program has in use once it has thrown away all that it can. */
export async function settledMemory(program: Program): Promise<number> {
  await using debug = await connectTo(await program.inspector)
  await collectGarbage(debug)
  return residentMemory(program.pid)
}

/**
 * Bytes that the main thread of an inspected program can still reach: its objects and its buffers. Finer than resident
 * memory, in which what one reader holds is lost, but blind for other threads and the kernel.
 */
export async function reachableMemory(program: Program): Promise<number> {
  await using debug = await connectTo(await program.inspector)
  await collectGarbage(debug)
  const usage = await debug.call('Runtime.getHeapUsage')
  return usage.usedSize! + usage.embedderHeapUsedSize! + usage.backingStorageSize!
}

async function collectGarbage(debug: Debugger): Promise<void> {
  for (let time = 0; time < 3; time += 1) {
    await debug.call('HeapProfiler.collectGarbage')
    // The allocator gives memory back some time after it is free.
    await sleep(1_000)
  }
}

type Debugger = AsyncDisposable & {
  /** Calls a method without parameters of the Chrome DevTools protocol, one at a time. */
  readonly call: (method: string) => Promise<Record<string, number>>
}

async function connectTo(url: string): Promise<Debugger> {
  const socket = new WebSocket(url)
  await once(socket, 'open')
  return {
    call: async (method) => {
      const answered = once(socket, 'message')
      socket.send(JSON.stringify({ id: 1, method }))
      const [{ data }] = (await answered) as [MessageEvent<string>]
      return (JSON.parse(data) as { result: Record<string, number> }).result
    },
    [Symbol.asyncDispose]: async () => {
      socket.close()
      await once(socket, 'close')
    },
  }
}
