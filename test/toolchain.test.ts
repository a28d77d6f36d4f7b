import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join, resolve } from 'node:path'
import * as graphql from 'graphql'
import { describe, expect, test } from 'vitest'
import { compareDatabases } from './support/parity.ts'

const root = resolve(import.meta.dirname, '..')
const wantedGraphql = import.meta.env.MODE === 'graphql17' ? 17 : 16

describe('the tools that run the tests', () => {
  test('are run by the pinned Node', () => {
    expect(process.versions.node).toMatch(/^26\./)
  })

  test('give every package the same copy of graphql, of the major version that was asked for', () => {
    expect(graphql.versionInfo.major).toBe(wantedGraphql)
    for (const name of ['@pothos/core', 'graphql-yoga', 'graphql-ws', '@graphql-tools/executor']) {
      const require = createRequire(createRequire(import.meta.url).resolve(name))
      expect(require('graphql'), name).toHaveProperty('GraphQLSchema', graphql.GraphQLSchema)
    }
  })

  test('give that copy to what is imported as an ES module too', async () => {
    const { default: SchemaBuilder } = await import('@pothos/core')
    const builder = new SchemaBuilder({})
    builder.queryType({ fields: (t) => ({ hello: t.string({ resolve: () => 'world' }) }) })
    const result = await graphql.graphql({ schema: builder.toSchema(), source: '{ hello }' })
    expect(result).toEqual({ data: { hello: 'world' } })
  })
})

describe('every script', () => {
  const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>
  }

  test.each(Object.entries(scripts).filter(([name]) => name !== 'postinstall'))(
    '%s is guarded',
    (_name, command) => {
      expect(command).toMatch(/^node --require \.\/scripts\/require-node\.cjs /)
    },
  )

  test('says so when an older Node runs it', () => {
    const older = "Object.defineProperty(process.versions, 'node', { value: '20.19.0' })"
    const { status, stderr } = runNode(['--eval', `${older}; require('./scripts/require-node.cjs')`])
    expect(status).toBe(1)
    expect(stderr).toContain('Parley runs on Node 26, but this script was started by Node 20.19.0')
  })
})

describe('the tests on the next graphql', () => {
  const usesWhatIsGone =
    "import { assertValidSchema, getOperationRootType } from 'graphql'; assertValidSchema && getOperationRootType"

  test('fail on what is gone from it', () => {
    const preload = join(root, 'test/support/graphql17.ts')
    expect(runNode(['--input-type=module', '--eval', usesWhatIsGone])).toMatchObject({ status: 0 })
    const { status, stderr } = runNode(['--import', preload, '--input-type=module', '--eval', usesWhatIsGone])
    expect(status).toBe(1)
    expect(stderr).toContain("does not provide an export named 'getOperationRootType'")
  })
})

function runNode(args: readonly string[]) {
  return spawnSync(process.execPath, args, { cwd: root, encoding: 'utf8' })
}

describe('the count of tests per database', () => {
  const pair = ['PGlite', 'Postgres'].map((database) => ({
    file: 'a.test.ts',
    suites: [`messages on ${database}`],
    name: 'are kept',
  }))

  test('is content with the same tests on both', () => {
    expect(compareDatabases(pair, {})).toEqual({ counts: { PGlite: 1, Postgres: 1 }, complaints: [] })
  })

  test('complains about a test that one database alone has', () => {
    const { counts, complaints } = compareDatabases([...pair, { ...pair[0]!, name: 'are lost' }], {})
    expect(counts).toEqual({ PGlite: 2, Postgres: 1 })
    expect(complaints).toEqual(['not run on Postgres: a.test.ts > messages on … > are lost'])
  })

  test('leaves out a group that is named as an exception', () => {
    const alone = { file: 'a.test.ts', suites: ['the lock of PGlite'], name: 'is exclusive' }
    expect(
      compareDatabases([...pair, alone], { 'a.test.ts > the lock of PGlite': 'a Postgres has none' }),
    ).toEqual({
      counts: { PGlite: 1, Postgres: 1 },
      complaints: [],
    })
  })
})
