import { readFileSync, writeFileSync } from 'node:fs'
import { glob } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { preset } from '@graphql-codegen/client-preset'
import { codegen } from '@graphql-codegen/core'
import { buildASTSchema, type DocumentNode, parse, validate } from 'graphql'

type Source = { readonly location: string; readonly document: DocumentNode; readonly rawSDL: string }
type GeneratedFile = { readonly path: string; readonly content: string }

const root = resolve(import.meta.dirname, '..')
const outputFolder = 'src/client/graphql/'

/**
 * The typed operations of the page: every `graphql(`…`)` in src/client, checked against the schema. Throws one
 * error that names each document which the schema does not answer. Paths are relative to the repository.
 */
export async function generateOperations(schemaText: string): Promise<readonly GeneratedFile[]> {
  const schema = parse(schemaText)
  const sources = await readSources()
  requireValid(schema, sources)
  const outputs = await preset.buildGeneratesSection({
    baseOutputDir: outputFolder,
    schema,
    schemaAst: buildASTSchema(schema),
    documents: [...sources],
    config: {
      enumType: 'string-literal',
      scalars: { Cursor: 'string', DateTime: 'string', Decimal: 'string', ID: 'string' },
      useTypeImports: true,
      importExtension: '.ts',
    },
    presetConfig: { fragmentMasking: false },
    plugins: [],
    pluginMap: {},
  })
  return Promise.all(
    outputs.map(async (output) => ({ path: output.filename, content: await codegen(output) })),
  )
}

/** Which of the generated files differ from what is on disk. */
export function staleFiles(files: readonly GeneratedFile[]): string[] {
  return files.filter(({ path, content }) => readOrNull(join(root, path)) !== content).map(({ path }) => path)
}

async function readSources(): Promise<Source[]> {
  const sources: Source[] = []
  for await (const file of glob('src/client/**/*.{ts,tsx}', { cwd: root })) {
    if (file.startsWith(outputFolder)) continue
    for (const [, text] of readFileSync(join(root, file), 'utf8').matchAll(/\bgraphql\(\s*`([^`]*)`/g)) {
      sources.push({ location: file, document: parse(text!), rawSDL: text! })
    }
  }
  return sources.sort((a, b) => (a.location < b.location ? -1 : 1))
}

function requireValid(schema: DocumentNode, sources: readonly Source[]): void {
  const definitions = sources.flatMap((source) => source.document.definitions)
  const errors = validate(buildASTSchema(schema), { kind: 'Document', definitions } as DocumentNode)
  if (errors.length > 0)
    throw new Error(`The page asks for what the schema does not have:\n${errors.join('\n')}`)
}

function readOrNull(path: string): string | null {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return null
  }
}

async function main(): Promise<void> {
  const files = await generateOperations(readFileSync(join(root, 'schema/schema.graphql'), 'utf8'))
  const stale = staleFiles(files)
  if (process.argv.includes('--check')) {
    if (stale.length > 0) throw new Error(`Stale, run "npm run codegen": ${stale.join(', ')}`)
    return
  }
  for (const { path, content } of files) writeFileSync(join(root, path), content)
}

if (import.meta.main) await main()
