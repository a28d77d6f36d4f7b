import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join, resolve } from 'node:path'
import { inject, onTestFinished, test } from 'vitest'

const root = resolve(import.meta.dirname, '../..')

test('the executable needs nothing: no sources, no network, no environment, no file beside it', {
  timeout: 180_000,
}, () => {
  const folder = mkdtempSync(join(tmpdir(), 'parley-alone-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  for (const file of [inject('executable'), process.execPath, join(root, 'test/support/smoke.ts')]) {
    copyFileSync(file, join(folder, basename(file)))
  }
  const command = [
    'env',
    '-i',
    `./${basename(process.execPath)}`,
    'smoke.ts',
    `./${basename(inject('executable'))}`,
  ]
  if (canIsolate()) runIn(folder, [...isolate, isolation, root, ...command, root])
  else {
    console.warn(
      '\n!!! NOT ISOLATED: this system allows no namespaces, so the executable can see its sources and the network !!!\n',
    )
    runIn(folder, command)
  }
})

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
  if (process.platform !== 'linux') return false
  const [command, ...args] = [...isolate, isolation, tmpdir(), 'true']
  return spawnSync(command!, args).status === 0
}

function runIn(cwd: string, [command, ...args]: readonly string[]): void {
  const { status, error, stdout, stderr } = spawnSync(command!, args, {
    cwd,
    encoding: 'utf8',
    timeout: 170_000,
  })
  if (status !== 0) throw new Error(`${error ?? `ended with ${status}`}\n${stdout}${stderr}`)
}
