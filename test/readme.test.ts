import { execFile, spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, describe, expect, test } from 'vitest'
import packageJson from '../package.json' with { type: 'json' }
import { commands } from '../src/server/arguments.ts'
import { settingsMarkdown } from '../src/server/config.ts'
import { databases } from './support/databases.ts'
import { readDocument } from './support/document.ts'
import { shareServer } from './support/shared-server.ts'

const readme = readDocument('README.md')
const execute = promisify(execFile)
const root = resolve(import.meta.dirname, '..')

describe('the examples of the README', () => {
  const bin = mkdtempSync(join(tmpdir(), 'parley-readme-'))
  const shared = shareServer(databases[0]!.create, {
    settings: { PARLEY_DEFAULT_MODEL: 'demo', PARLEY_DEMO_TOKENS_PER_SECOND: '2000' },
  })
  const examples = readme.section('Use the API')
  afterAll(() => rmSync(bin, { recursive: true }))

  test.each(['curl', 'a stand-in for curl'])('stream an answer with %s', async (which) => {
    const [script = ''] = examples.code('sh')
    const standIn = which !== 'curl' || !hasCurl()
    const PATH = `${standIn ? `${folderWithStandIn(bin)}${delimiter}` : ''}${process.env['PATH']}`
    const { stdout } = await execute('sh', ['-c', atServer(script, shared.app.endpoint)], {
      env: { ...process.env, PATH },
      maxBuffer: 1e8,
    })
    const results = stdout.split('\n').flatMap((line) => (line.startsWith('data: {') ? [line.slice(6)] : []))
    const texts = results.map((result) => (JSON.parse(result) as Streamed).data.generationEvents.text ?? '')
    expect(texts.length).toBeGreaterThan(3)
    expect(texts.join('')).toBe(await newestAnswer())
    expect(stdout).toMatch(/event: complete\n/)
  })

  test('stream an answer with graphql-ws', async () => {
    const [program = ''] = examples.code('js')
    const argv = ['--input-type=module', '--eval', atServer(program, shared.app.endpoint)]
    const { stdout } = await execute(process.execPath, argv, { cwd: root, maxBuffer: 1e8 })
    expect(stdout).toBe(await newestAnswer())
  })

  async function newestAnswer(): Promise<string> {
    const { viewer } = await shared.app.run<{
      viewer: { conversations: { nodes: { head: { text: string; status: string } }[] } }
    }>('{ viewer { conversations(first: 1) { nodes { head { text status } } } } }')
    const head = viewer.conversations.nodes[0]?.head
    expect(head?.status).toBe('COMPLETED')
    return head?.text ?? ''
  }
})

type Streamed = { data: { generationEvents: { text?: string } } }

/** The example, but for where the server is. */
function atServer(example: string, endpoint: string): string {
  const { host } = new URL(endpoint)
  expect(example).toContain('127.0.0.1:8084')
  return example.replaceAll('127.0.0.1:8084', host)
}

function hasCurl(): boolean {
  return spawnSync('curl', ['--version']).status === 0
}

function folderWithStandIn(folder: string): string {
  const path = join(folder, 'curl')
  const script = join(root, 'test/support/curl.mjs')
  writeFileSync(path, `#!/bin/sh\nexec '${process.execPath}' '${script}' "$@"\n`)
  chmodSync(path, 0o755)
  return folder
}

describe('the README', () => {
  test('has the table of settings that the code makes', () => {
    expect(tableIn(readme.section('Settings').text)).toBe(settingsMarkdown())
  })

  test('would be found out if a setting had another default', () => {
    const altered = readme.section('Settings').text.replace('| `8084` |', '| `8085` |')
    expect(tableIn(altered)).not.toBe(settingsMarkdown())
  })

  test('names every command', () => {
    const documented = readme.section('One file').rows().flat().join(' ')
    for (const command of Object.keys(commands)) expect(documented).toContain(`parley ${command}`)
  })

  test('tells of scripts that there are', () => {
    const named = [...readme.text.matchAll(/\bnpm (?:run )?(start|test|build|check)\b/g)].map(
      ([, name]) => name!,
    )
    expect(named.length).toBeGreaterThan(3)
    for (const name of named) expect(Object.keys(packageJson.scripts)).toContain(name)
  })
})

describe.each([
  'README.md',
  'CHANGELOG.md',
  'CONTRIBUTING.md',
  'schema/STREAMING.md',
  'schema/HASHING.md',
  'docs/scaling.md',
])('the links of %s', (path) => {
  test('lead somewhere', () => {
    const links = [...readDocument(path).text.matchAll(/(?<!!\[[^\]]*)\]\(([^)]+)\)/g)].map(
      ([, link]) => link!,
    )
    for (const link of links.filter((one) => !one.startsWith('http'))) {
      const [file = '', anchor] = link.split('#')
      const target = file === '' ? path : join(dirname(path), file)
      expect(existsSync(join(root, target)), link).toBe(true)
      if (anchor) expect(anchorsOf(readDocument(target).text), link).toContain(anchor)
    }
  })
})

function tableIn(text: string): string {
  return text
    .split('\n')
    .filter((line) => line.startsWith('|'))
    .join('\n')
}

/** As they are made from headings where Markdown is shown. */
function anchorsOf(text: string): string[] {
  return [...text.matchAll(/^#+ (.*)$/gm)].map(([, title]) =>
    title!
      .toLowerCase()
      .replaceAll(/[^\w -]/g, '')
      .replaceAll(' ', '-'),
  )
}
