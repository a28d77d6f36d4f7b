import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { getAsset, getRawAsset, isSea } from 'node:sea'
import { fileURLToPath } from 'node:url'
import { Worker, type WorkerOptions } from 'node:worker_threads'

/**
 * What the embedded Postgres is started from. An executable carries all four as assets of these names, made by
 * src/build-embedded.ts. From the sources, the first two lie in PGlite's package, the third is made when it is first
 * needed, and the last is embedded-worker.ts itself.
 */
export type EmbeddedAsset = 'pglite.wasm' | 'pglite.data' | 'pgdata-template' | 'embedded-worker.js'

/** The bytes of an asset, in any thread. Nobody may write to them: an executable's are its own file's. */
export function readAsset(name: Exclude<EmbeddedAsset, 'embedded-worker.js'>): Uint8Array<ArrayBuffer> {
  if (isSea()) return new Uint8Array(getRawAsset(name))
  return new Uint8Array(readFileSync(name === 'pgdata-template' ? templateFile() : libraryFile(name)))
}

/** Starts embedded-worker.ts. */
export function startWorker(options: WorkerOptions): Worker {
  if (isSea()) return new Worker(getAsset('embedded-worker.js', 'utf8'), { ...options, eval: true })
  return new Worker(new URL('embedded-worker.ts', import.meta.url), options)
}

/** The file of PGlite's package that becomes the asset of that name. */
export function libraryFile(name: 'pglite.wasm' | 'pglite.data' | '../package.json'): string {
  return join(dirname(createRequire(import.meta.url).resolve('@electric-sql/pglite')), name)
}

/** Where the template is. Made once, which takes 2 s, and again when anything changes that it is made from. */
export function templateFile(): string {
  const script = fileURLToPath(new URL('../../build-template.ts', import.meta.url))
  const sources = [
    script,
    fileURLToPath(new URL('template.ts', import.meta.url)),
    libraryFile('../package.json'),
  ]
  const hash = createHash('sha256')
  for (const source of sources) hash.update(readFileSync(source))
  const folder = fileURLToPath(new URL('../../../node_modules/.cache/parley', import.meta.url))
  const file = join(folder, `pgdata-template-${hash.digest('hex').slice(0, 16)}`)
  if (!existsSync(file)) execFileSync(process.execPath, [script, file], { stdio: 'inherit' })
  return file
}
