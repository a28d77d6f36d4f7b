import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from './free-port.ts'

/** A load balancer, ended when it goes out of scope. */
export type Balancer = AsyncDisposable & { readonly url: string }

const program = 'haproxy'

/** Whether there is one to start. */
export const isHaproxyThere = spawnSync(program, ['-v'], { stdio: 'ignore' }).status === 0

if (!isHaproxyThere) console.warn('SKIPPED: the test of docs/compose/haproxy.cfg. Install haproxy.')

/**
 * Starts what docs/compose/haproxy.cfg says, but for where it is and where the servers at `urls` are. It tells the
 * name of the server, `parley-1` and so on, in a header `x-served-by`.
 */
export async function startHaproxy(urls: readonly string[]): Promise<Balancer> {
  const folder = mkdtempSync(join(tmpdir(), 'parley-haproxy-'))
  const file = join(folder, 'haproxy.cfg')
  const port = await freePort()
  writeFileSync(file, adapted(port, urls))
  const child = spawn(program, ['-db', '-q', '-f', file], { stdio: ['ignore', 'ignore', 'inherit'] })
  const exited = once(child, 'exit')
  return {
    url: `http://127.0.0.1:${port}`,
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGKILL')
      await exited
      rmSync(folder, { recursive: true })
    },
  }
}

function adapted(port: number, urls: readonly string[]): string {
  const published = readFileSync(join(import.meta.dirname, '../../docs/compose/haproxy.cfg'), 'utf8')
  const servers = urls.map((url, index) => `  server parley-${index + 1} ${new URL(url).host}`)
  const ours = published
    .replace('bind :8080', `bind 127.0.0.1:${port}`)
    .replaceAll(/^ {2}server .*\n/gm, '')
    .trimEnd()
  return [ours, '  http-response set-header X-Served-By %s', ...servers, ''].join('\n')
}
