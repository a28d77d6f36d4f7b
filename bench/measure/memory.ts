import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Program } from '../servers/process.ts'

/** Bytes of memory that a process has in use. */
export function residentMemory(pid: number): number {
  return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1_024
}

/** Bytes that an inspected program has in use once it has thrown away all that it can. */
export async function settledMemory({ pid, inspector }: Program): Promise<number> {
  using debug = await connectTo(await inspector)
  for (let time = 0; time < 3; time += 1) {
    await debug.collectGarbage()
    // The allocator gives memory back some time after it is free.
    await sleep(1_000)
  }
  return residentMemory(pid)
}

async function connectTo(url: string): Promise<Disposable & { collectGarbage(): Promise<unknown> }> {
  const socket = new WebSocket(url)
  await once(socket, 'open')
  return {
    collectGarbage: async () => {
      const collected = once(socket, 'message')
      socket.send(JSON.stringify({ id: 1, method: 'HeapProfiler.collectGarbage' }))
      await collected
    },
    [Symbol.dispose]: () => socket.close(),
  }
}
