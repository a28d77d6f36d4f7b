import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { rolldown } from 'rolldown'
import { type EmbeddedAsset, libraryFile, templateFile } from './server/db/assets.ts'

/** Makes what an executable has to carry for its embedded Postgres; answers with the file of each asset. */
export async function buildEmbedded(directory: string): Promise<Record<EmbeddedAsset, string>> {
  mkdirSync(directory, { recursive: true })
  const worker = join(directory, 'embedded-worker.js')
  await bundleWorker(worker)
  return {
    'pglite.wasm': libraryFile('pglite.wasm'),
    'pglite.data': libraryFile('pglite.data'),
    'pgdata-template': templateFile(),
    'embedded-worker.js': worker,
  }
}

/** One file: a worker that is started from a text has nothing beside it to import. */
async function bundleWorker(file: string): Promise<void> {
  const bundle = await rolldown({
    input: fileURLToPath(new URL('server/db/embedded-worker.ts', import.meta.url)),
    platform: 'node',
    // Emscripten's, for code of Postgres's extensions that never runs.
    checks: { eval: false },
  })
  await bundle.write({ file, format: 'cjs', codeSplitting: false, comments: false })
  await bundle.close()
}
