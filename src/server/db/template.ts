import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { deserialize, serialize } from 'node:v8'
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib'

/** One file or, without data, one directory; directories come before what is in them. */
type Entry = { readonly path: string; readonly data: Uint8Array | null }

/** The files of a stopped Postgres below `directory`, for {@link unpack}. */
export function pack(directory: string): Buffer {
  const entries = readdirSync(directory, { recursive: true, withFileTypes: true }).map((entry): Entry => {
    const path = join(entry.parentPath, entry.name)
    return { path: relative(directory, path), data: entry.isFile() ? readFileSync(path) : null }
  })
  entries.sort((a, b) => (a.path < b.path ? -1 : 1))
  return zstdCompressSync(serialize(entries))
}

/**
 * Makes `directory`, which does not exist or is empty, from what {@link pack} gave. All at once: after a crash it is
 * either not there or complete and on disk, so that the first commit rests on files that are as safe as itself.
 *
 * @param durable - false: leaves it to the system when the files reach the disk
 */
export function unpack(template: Uint8Array, directory: string, durable = true): void {
  const draft = `${directory}.new`
  rmSync(draft, { recursive: true, force: true })
  mkdirSync(draft, { mode: 0o700 })
  const entries: readonly Entry[] = deserialize(zstdDecompressSync(template))
  for (const { path, data } of entries) {
    if (data === null) mkdirSync(join(draft, path), { mode: 0o700 })
    else writeFileSync(join(draft, path), data, { mode: 0o600 })
  }
  // After all of them are written, for then most reach the disk together.
  if (durable) for (const { path, data } of entries) sync(join(draft, path), data === null)
  if (durable) sync(draft, true)
  if (existsSync(directory)) rmdirSync(directory)
  renameSync(draft, directory)
  if (durable) sync(dirname(directory), true)
}

function sync(path: string, isDirectory: boolean): void {
  // Windows opens no directories; its file systems keep their entries in a journal.
  if (isDirectory && process.platform === 'win32') return
  const descriptor = openSync(path, isDirectory ? 'r' : 'r+')
  fsyncSync(descriptor)
  closeSync(descriptor)
}
