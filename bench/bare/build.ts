import { join } from 'node:path'
import { makeExecutable, whenStale } from '../../src/build.ts'
import { libraryFile } from '../../src/server/db/assets.ts'

const name = 'bench-bare'
const inputs = ['package-lock.json', 'bench/bare/*', 'src/build.ts']

/** Builds the bare executable, as Parley's is built, unless it is there; answers with its path. */
export async function buildBareWhenStale(): Promise<string> {
  await whenStale(name, inputs, 'Building a bare executable …', () =>
    makeExecutable({
      input: join(import.meta.dirname, 'main.ts'),
      output: name,
      node: process.execPath,
      // Emscripten's, for code of Postgres's extensions that never runs.
      bundling: { checks: { eval: false } },
      assets: async () => ({
        'pglite.wasm': libraryFile('pglite.wasm'),
        'pglite.data': libraryFile('pglite.data'),
      }),
    }),
  )
  return join(import.meta.dirname, '../../dist', name)
}
