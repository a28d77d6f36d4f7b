import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { text } from 'node:stream/consumers'
import { expect, inject, onTestFinished, test } from 'vitest'

const root = resolve(import.meta.dirname, '../..')

test('the executable needs nothing: no sources, no network, no environment, no file beside it', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'parley-alone-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  copyFileSync(inject('executable'), join(folder, 'parley'))
  copyFileSync(process.execPath, join(folder, 'node'))
  copyFileSync(join(root, 'test/support/smoke.ts'), join(folder, 'smoke.ts'))
  const smoke = ['env', '-i', `TMPDIR=${folder}`, './node', 'smoke.ts', './parley']
  const command = canIsolate() ? [...isolate, isolation, root, ...smoke, root] : smoke
  if (command === smoke) console.warn(notIsolated)
  const { code, output } = await runIn(folder, command)
  expect(code, output).toBe(0)
})

const notIsolated = `
!!! NOT ISOLATED: this system allows no namespaces, so that the executable could reach its sources and the network !!!
`

/** A network without routes, and mounts of its own; as root of a namespace of its own where we are not root. */
const isolate = ['unshare', ...(process.getuid?.() === 0 ? [] : ['-r']), '-n', '-m', 'sh', '-euc']

/** Hides the checkout, brings the loopback interface up with what the system has for it, and goes on. */
const isolation = `
mount -t tmpfs tmpfs "$0"
ip link set lo up 2>/dev/null || ifconfig lo up 2>/dev/null || perl -e '
  socket(my $socket, 2, 2, 0) or die $!;
  my $request = pack("a16 s x22", "lo", 0x49);
  ioctl($socket, 0x8914, $request) or die $!'
exec "$@"`

function canIsolate(): boolean {
  const [command, ...args] = [...isolate, isolation, tmpdir(), 'true']
  return process.platform === 'linux' && spawnSync(command, args).status === 0
}

async function runIn(cwd: string, command: readonly string[]) {
  const child = spawn(command[0]!, command.slice(1), { cwd, stdio: ['ignore', 'pipe', 'pipe'] })
  const [out, errors, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close'),
  ])
  return { code, output: out + errors }
}
