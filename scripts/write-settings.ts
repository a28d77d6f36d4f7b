import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { settingsMarkdown } from '../src/server/config.ts'

const file = join(import.meta.dirname, '..', 'README.md')
const table = /^\| variable \| flag \|.*(\n\|.*)*/m

writeFileSync(
  file,
  readFileSync(file, 'utf8').replace(table, () => settingsMarkdown()),
)
