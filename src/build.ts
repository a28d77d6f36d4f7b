import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { join, relative, resolve, sep } from 'node:path'
import { parseArgs } from 'node:util'
import type { InputOptions, Plugin } from 'rolldown'

const root = resolve(import.meta.dirname, '..')
const dist = join(root, 'dist')
const require = createRequire(import.meta.url)

/** What the page is made of. */
const clientInputs = ['package-lock.json', 'vite.config.ts', 'schema/schema.graphql', 'src/client/**/*']
/** What the executable is made of. */
const executableInputs = [...clientInputs, 'package.json', 'src/**/*', 'migrations/*']

/** Builds the page into dist/client, unless what is there was made of the same files. */
export async function buildClientWhenStale(): Promise<void> {
  await whenStale(
    'client',
    clientInputs,
    'Building the page, which takes some seconds the first time …',
    buildClient,
  )
}

/** Builds dist/parley, unless what is there was made of the same files, and answers with its path. */
export async function buildExecutableWhenStale(): Promise<string> {
  const name = executableName()
  await whenStale(name, executableInputs, 'Building the executable …', () => buildExecutable())
  return join(dist, name)
}

/** Runs `build`, which makes dist/`name`, unless what is there was made of the files that match `inputs`. */
export async function whenStale(
  name: string,
  inputs: readonly string[],
  notice: string,
  build: () => unknown,
): Promise<void> {
  const stamp = join(dist, `${name}.inputs`)
  const digest = digestOf(inputs)
  if (existsSync(join(dist, name)) && existsSync(stamp) && readFileSync(stamp, 'utf8') === digest) return
  console.log(notice)
  await build()
  writeFileSync(stamp, digest)
}

/** Changes whenever a file matched by `patterns` changes, comes or goes. */
function digestOf(patterns: readonly string[]): string {
  const files = globSync([...patterns], { cwd: root, withFileTypes: true }).filter((entry) => entry.isFile())
  const paths = [...new Set(files.map((entry) => join(entry.parentPath, entry.name)))].sort()
  const hash = createHash('sha256')
  for (const path of paths)
    hash
      .update(`${relative(root, path)}\0`)
      .update(readFileSync(path))
      .update('\0')
  return hash.digest('hex')
}

/** In a process of its own: what Vite takes of memory would otherwise stay with the server that `npm start` starts. */
function buildClient(): void {
  const vite = join(root, 'node_modules/vite/bin/vite.js')
  execFileSync(process.execPath, [vite, 'build', '--logLevel', 'warn'], { cwd: root, stdio: 'inherit' })
}

/**
 * Makes the executable: the bundled server in front of a Node binary, with everything that it reads at run time as
 * assets, so that it needs nothing beside it.
 *
 * @param target - platform of the Node package to build on, as `linux-arm64`; the one that runs this, when left out
 */
async function buildExecutable(target?: string): Promise<string> {
  await buildClientWhenStale()
  return makeExecutable({
    input: join(root, 'src/server/main.ts'),
    output: executableName(target),
    node: target ? nodeBinary(target) : process.execPath,
    bundling: { plugins: [graphiqlFromAsset] },
    assets: async (workDir) => ({
      ...clientAssets(),
      ...(await embeddedAssets(workDir)),
      ...(await graphiqlAssets(workDir)),
    }),
  })
}

type ExecutableOptions = {
  readonly input: string
  readonly output: string
  /** The Node binary to build on. */
  readonly node: string
  readonly bundling?: Bundling
  /** Makes the files to carry, by the names of the assets that they become, where they cannot be taken as they are. */
  readonly assets: (workDir: string) => Promise<Record<string, string>>
}

/** Puts `input` and all that it imports in front of a Node binary, as dist/`output`; answers with the path of that. */
export async function makeExecutable(options: ExecutableOptions): Promise<string> {
  const { input, output, node, bundling, assets } = options
  const isNative = node === process.execPath
  mkdirSync(dist, { recursive: true })
  const workDir = mkdtempSync(join(dist, 'build-'))
  try {
    await bundle(input, join(workDir, 'main.cjs'), bundling)
    const config = {
      // Relative, so that stack traces name it and not the folder of whoever built it.
      main: 'main.cjs',
      output,
      executable: node,
      disableExperimentalSEAWarning: true,
      // Halves the time to start; made for the processor and the Node that make it.
      useCodeCache: isNative,
      // For compilers and collectors: four, as by default, are in each other's way at the start of a small machine, and
      // each keeps memory of its own.
      execArgv: ['--v8-pool-size=2'],
      assets: await assets(workDir),
    }
    writeFileSync(join(workDir, 'sea.json'), JSON.stringify(config))
    execFileSync(process.execPath, ['--build-sea', 'sea.json'], {
      cwd: workDir,
      stdio: ['ignore', 'ignore', 'inherit'],
    })
    const made = join(workDir, output)
    if (process.platform === 'darwin' && isNative) execFileSync('codesign', ['--sign', '-', made])
    // In one step, so that nobody ever starts half a file and a running one is left alone.
    renameSync(made, join(dist, output))
    return join(dist, output)
  } finally {
    rmSync(workDir, { recursive: true })
  }
}

function executableName(target?: string): string {
  const suffix = (target ?? process.platform).startsWith('win') ? '.exe' : ''
  return `parley${target ? `-${target}` : ''}${suffix}`
}

function nodeBinary(target: string): string {
  const names = [`node-${target}`, `node-bin-${target}`]
  for (const name of names) {
    for (const binary of ['bin/node', 'bin/node.exe']) {
      const path = join(root, 'node_modules', name, binary)
      if (existsSync(path)) return path
    }
  }
  throw new Error(`--target ${target}: none of ${names.join(', ')} is installed in node_modules`)
}

type Bundling = Pick<InputOptions, 'plugins' | 'checks'>

/** One CommonJS file with everything that `input` imports, but for what Node itself brings. */
async function bundle(input: string, file: string, bundling: Bundling = {}): Promise<void> {
  const { rolldown } = await import('rolldown')
  const build = await rolldown({
    ...bundling,
    plugins: [bundling.plugins, asciiOnly],
    input,
    platform: 'node',
    // An optional, native sibling of pg, which nobody installs.
    external: ['pg-native'],
    resolve: {
      alias: {
        // The one build of graphql for everybody: two copies do not know each other's types.
        graphql: require.resolve('graphql'),
        // Its other build looks for its own files when it runs.
        'jsonc-parser': require.resolve('jsonc-parser').replace('umd', 'esm'),
      },
    },
    onLog: (level, log, handle) => handle(level === 'warn' ? 'error' : level, log),
  })
  await build.write({ file, format: 'cjs', codeSplitting: false, comments: false })
  await build.close()
}

/** V8 keeps the text of a program, in two bytes for each character where a single one of them needs that. */
const asciiOnly: Plugin = {
  name: 'ascii-only',
  generateBundle: (_options, files) => {
    for (const file of Object.values(files)) if (file.type === 'chunk') file.code = escapeUnits(file.code)
  },
}

function escapeUnits(code: string): string {
  return code.replace(/[^\0-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

const graphiqlPackage = '@graphql-yoga/render-graphiql'

/** Nine megabytes of text that most processes never show: read when somebody asks for it, not kept from the start. */
const graphiqlFromAsset: Plugin = {
  name: 'graphiql-from-asset',
  resolveId: (id) => (id === graphiqlPackage ? '\0graphiql' : null),
  load: (id) =>
    id === '\0graphiql'
      ? `import { getAsset } from 'node:sea'
         const module = { exports: {} }
         new Function('module', 'exports', getAsset('graphiql.cjs', 'utf8'))(module, module.exports)
         export const renderGraphiQL = module.exports.renderGraphiQL`
      : null,
}

async function graphiqlAssets(workDir: string): Promise<Record<string, string>> {
  const file = join(workDir, 'graphiql.cjs')
  await bundle(require.resolve(graphiqlPackage), file)
  return { 'graphiql.cjs': file }
}

async function embeddedAssets(workDir: string): Promise<Record<string, string>> {
  const { buildEmbedded } = await import('./build-embedded.ts')
  return buildEmbedded(workDir)
}

function clientAssets(): Record<string, string> {
  const folder = join(dist, 'client')
  const files = globSync('**/*', { cwd: folder, withFileTypes: true }).filter((entry) => entry.isFile())
  const paths = files.map((entry) => join(entry.parentPath, entry.name))
  return Object.fromEntries(
    paths.map((path) => [`client/${relative(folder, path).split(sep).join('/')}`, path]),
  )
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { target: { type: 'string' } } })
  const started = performance.now()
  const file = await buildExecutable(values.target)
  const seconds = ((performance.now() - started) / 1_000).toFixed(1)
  const megabytes = (statSync(file).size / 1_000_000).toFixed(0)
  console.log(`${relative(process.cwd(), file)}: ${megabytes} MB, built in ${seconds} s`)
}

if (import.meta.main) await main()
