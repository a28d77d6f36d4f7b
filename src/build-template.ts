import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { PGlite } from '@electric-sql/pglite'
import { pack } from './server/db/template.ts'

/**
 * The files of a new, empty Postgres: what the embedded one starts from, instead of initdb. About 1 MB.
 *
 * `template0` and `template1` are dropped. They are two thirds of the files, nothing is made from them, and nothing
 * would ever vacuum them: two billion transactions later they would stop the server.
 */
async function makeTemplate(): Promise<Buffer> {
  const folder = mkdtempSync(join(tmpdir(), 'parley-template-'))
  try {
    const directory = join(folder, 'postgres')
    // Small segments of the write-ahead log: an idle server keeps two.
    const pg = await PGlite.create({ dataDir: directory, initDbStartParams: ['--wal-segsize=4'] })
    for (const statement of statements) await pg.exec(statement)
    await pg.close()
    return pack(directory)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const statements = [
  `update pg_database set datistemplate = false where datname like 'template_'`,
  'drop database template0',
  'drop database template1',
  'vacuum (full, freeze, analyze)',
  'checkpoint',
]

/** Writes a file that is there whole or not at all, whoever else writes it at the same time. */
function writeWhole(file: string, bytes: Uint8Array): void {
  mkdirSync(dirname(file), { recursive: true })
  const draft = `${file}.${process.pid}`
  writeFileSync(draft, bytes)
  renameSync(draft, file)
}

const file = process.argv[2]
if (import.meta.main && file !== undefined) writeWhole(file, await makeTemplate())
