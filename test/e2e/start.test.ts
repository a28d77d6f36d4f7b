import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { expect, onTestFinished, test } from 'vitest'

const root = resolve(import.meta.dirname, '../..')

test('npm start serves the page, and stops when npm is told to stop', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'parley-start-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const npm = spawn('npm', ['start', '--', '--port', '0', '--data-dir', folder], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  onTestFinished(() => void npm.kill('SIGKILL'))
  const lines = createInterface(npm.stdout)
  let url: string | undefined
  lines.on('line', (line) => (url ??= / is at (http:\S+)$/.exec(line)?.[1]))
  while (url === undefined) await once(lines, 'line')
  expect(await (await fetch(url)).text()).toContain('<div id="root">')
  npm.kill('SIGTERM')
  // Its output ends when the last of its processes has let go of it, which is the server.
  await once(lines, 'close')
  await expect(fetch(url)).rejects.toThrow('fetch failed')
})
