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
 */
export function unpack(template: Uint8Array, directory: string): void {
  const draft = `${directory}.new`
  rmSync(draft, { recursive: true, force: true })
  mkdirSync(draft, { mode: 0o700 })
  const entries: readonly Entry[] = deserialize(zstdDecompressSync(template))
  for (const { path, data } of entries) {
    const target = join(draft, path)
    if (data === null) mkdirSync(target, { mode: 0o700 })
    else writeFileSync(target, data, { mode: 0o600, flush: true })
  }
  for (const { path, data } of entries) if (data === null) syncDirectory(join(draft, path))
  syncDirectory(draft)
  if (existsSync(directory)) rmdirSync(directory)
  renameSync(draft, directory)
  syncDirectory(dirname(directory))
}

function syncDirectory(path: string): void {
  // Windows opens no directories; its file systems keep their entries in a journal.
  if (process.platform === 'win32') return
  const descriptor = openSync(path, 'r')
  fsyncSync(descriptor)
  closeSync(descriptor)
}
