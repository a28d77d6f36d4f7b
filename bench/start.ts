import { request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { now } from './answer.ts'
import { settingsOf, temporaryDirectory } from './parley.ts'
import { cpuTime, residentMemory, startProgram } from './process.ts'
import { median, printTable } from './report.ts'

const rounds = 7
const idleSeconds = 5

const bareServer = `require('http').createServer((request, response) => response.end()).listen(process.env.PORT, '127.0.0.1')`

type Start = { readonly ready: number; readonly memory: number; readonly cpu: number }

/** From the start of a process to its first 200, and what it holds and does while nobody asks for anything. */
export async function measureStart(executable: string, upstreamUrl: string): Promise<void> {
  const bare: Start[] = []
  const fresh: Start[] = []
  const existing: Start[] = []
  for (let round = 0; round < rounds; round += 1) {
    const idle = round === 0
    using directory = temporaryDirectory()
    const settings = settingsOf(directory.path, upstreamUrl)
    bare.push(await startAndLook(process.execPath, ['-e', bareServer], {}, idle))
    fresh.push(await startAndLook(executable, [], settings, false))
    existing.push(await startAndLook(executable, [], settings, idle))
  }
  const names = ['bare Node', 'Parley']
  printTable(`Start (median of ${rounds})`, names, [
    {
      what: 'ready on new data, ms',
      values: [bare, fresh].map((starts) => median(starts.map(({ ready }) => ready))),
    },
    {
      what: 'ready on existing data, ms',
      values: [bare, existing].map((starts) => median(starts.map(({ ready }) => ready))),
    },
  ])
  printTable(`Idle for ${idleSeconds} s after the start`, names, [
    { what: 'resident memory, MB', values: [bare[0]!.memory, existing[0]!.memory] },
    { what: 'processor time, ms per s', values: [bare[0]!.cpu, existing[0]!.cpu] },
  ])
}

async function startAndLook(
  command: string,
  args: readonly string[],
  settings: Record<string, string>,
  idle: boolean,
): Promise<Start> {
  const port = await freePort()
  const started = now()
  await using program = startProgram(command, args, { ...settings, PORT: `${port}` })
  while (!(await isReady(port))) await sleep(1)
  const ready = now() - started
  if (!idle) return { ready, memory: 0, cpu: 0 }
  await sleep(1_000)
  const before = cpuTime(program.pid)
  await sleep(idleSeconds * 1_000)
  return {
    ready,
    memory: residentMemory(program.pid),
    cpu: (cpuTime(program.pid) - before) / idleSeconds,
  }
}

function isReady(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const asking = request({ port, host: '127.0.0.1', path: '/ready', agent: false }, (response) => {
      response.resume()
      resolve(response.statusCode === 200)
    })
    asking.on('error', () => resolve(false))
    asking.end()
  })
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo
      server.close(() => resolve(port))
    })
  })
}
