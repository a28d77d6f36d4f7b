import { globSync, readFileSync } from 'node:fs'
import { join, posix } from 'node:path'
import { parseSync, Visitor } from 'rolldown/utils'

/**
 * What each part of the source may import: itself, the leaves, these parts, and whatever those may import. A part is
 * a folder of src/server, or a file beside those folders.
 */
const arrows: Readonly<Record<string, readonly string[]>> = {
  main: ['cli'],
  cli: ['app', 'config'],
  app: ['http', 'config', 'llm'],
  http: ['graphql', 'auth', 'limits'],
  graphql: ['chat', 'limits'],
  chat: ['auth', 'db', 'streams', 'llm'],
  streams: ['db'],
  auth: ['db', 'limits'],
  db: ['migrations'],
  config: [],
  limits: [],
  llm: [],
  migrations: [],
  client: ['schema'],
}

/** Further files of a part that is a file. */
const partOfFile: Readonly<Record<string, string>> = {
  arguments: 'cli',
  doctor: 'cli',
  providers: 'app',
  repeat: 'app',
  'config-file': 'config',
  setting: 'config',
  timers: 'config',
}

/** May be imported by every part of the server. */
const leaves = [
  'edit-distance',
  'ids',
  'errors',
  'log',
  'metrics',
  'once',
  'version',
  'llm/prices',
  'llm/provider',
  'limits/limits',
].map((name) => `src/server/${name}.ts`)

/** Only app.ts decides which implementation of an interface runs. */
const implementations =
  /^src\/server\/(llm\/(anthropic|demo|gemini|openai|where-found)|streams\/(notify|redis)-line)\b/

type Source = { readonly path: string; readonly text: string }

/** The source files under `root` to which the rules apply. */
export function readSources(root: string): Source[] {
  const paths = globSync(['src/server/**/*.ts', 'src/client/**/*.{ts,tsx}', 'migrations/*.ts'], { cwd: root })
  return paths.map((path) => ({
    path: path.replaceAll('\\', '/'),
    text: readFileSync(join(root, path), 'utf8'),
  }))
}

/** Every import against the arrows and every read of the environment outside of config.ts, one line each. */
export function findViolations(sources: readonly Source[]): string[] {
  return sources.flatMap((source) => {
    const { imports, readsEnvironment } = readModule(source)
    const complaints = imports.flatMap((specifier) => complaintAbout(source.path, specifier) ?? [])
    if (readsEnvironment && source.path !== 'src/server/config.ts') {
      complaints.push(`${source.path} reads process.env: only src/server/config.ts may`)
    }
    return complaints
  })
}

function complaintAbout(path: string, specifier: string): string | null {
  const target = specifier.startsWith('.') ? posix.join(posix.dirname(path), specifier) : null
  const part = partOf(path)
  if (part === 'migrations') return complaintAboutMigration(path, specifier)
  if (target === null) {
    return part === 'client' && specifier.startsWith('node:')
      ? `${path} imports ${specifier}: a page has no Node`
      : null
  }
  if (implementations.test(target) && part !== 'app' && part !== partOf(target)) {
    return `${path} imports ${target}: only app.ts picks implementations`
  }
  if (part !== 'client' && leaves.includes(target)) return null
  const targetPart = partOf(target)
  const allowed = targetPart !== null && reachable(part).has(targetPart)
  return allowed || isAsset(target) ? null : `${path} imports ${target}: against the arrows`
}

/** Released migrations are frozen, so nothing that changes may reach into them. */
function complaintAboutMigration(path: string, specifier: string): string | null {
  const isList = path === 'migrations/index.ts'
  if (specifier.split('/')[0] === 'kysely' || (isList && specifier.startsWith('./'))) return null
  return `${path} imports ${specifier}: migrations import only kysely`
}

function partOf(path: string): string | null {
  const [top, second, third] = path.split('/')
  if (top === 'migrations' || top === 'schema') return top
  if (top !== 'src' || !third) return null
  if (second !== 'server') return second ?? null
  const name = third.replace(/\.ts$/, '')
  return partOfFile[name] ?? name
}

function isAsset(target: string): boolean {
  return target === 'package.json'
}

function reachable(part: string | null, found = new Set<string>()): Set<string> {
  if (part === null || found.has(part)) return found
  found.add(part)
  for (const next of arrows[part] ?? []) reachable(next, found)
  return found
}

type ModuleFacts = { readonly imports: readonly string[]; readonly readsEnvironment: boolean }

function readModule({ path, text }: Source): ModuleFacts {
  const { program, errors } = parseSync(path, text)
  if (errors.length > 0) throw new Error(`Cannot parse ${path}: ${errors[0]?.message}`)
  const imports: string[] = []
  let readsEnvironment = false
  const note = (source: { type: string; value?: unknown } | null) => {
    if (source?.type === 'Literal' && typeof source.value === 'string') imports.push(source.value)
  }
  new Visitor({
    ImportDeclaration: (node) => note(node.source),
    ExportAllDeclaration: (node) => note(node.source),
    ExportNamedDeclaration: (node) => note(node.source),
    ImportExpression: (node) => note(node.source),
    TSImportType: (node) => note(node.source),
    MemberExpression: (node) => {
      if (isProcess(node.object) && 'name' in node.property && node.property.name === 'env')
        readsEnvironment = true
    },
    VariableDeclarator: (node) => {
      if (isProcess(node.init) && node.id.type === 'ObjectPattern') readsEnvironment = true
    },
  }).visit(program)
  const importsEnvironment = /import\s*\{[^}]*\benv\b[^}]*\}\s*from\s*['"](node:)?process['"]/.test(text)
  return { imports, readsEnvironment: readsEnvironment || importsEnvironment }
}

function isProcess(node: { type: string; name?: unknown } | null): boolean {
  return node?.type === 'Identifier' && node.name === 'process'
}
