import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'

const root = resolve(import.meta.dirname, '..')
const folder = mkdtempSync(join(tmpdir(), 'parley-ci-'))
afterAll(() => rmSync(folder, { recursive: true }))

const failing = `
  describe('a group', () => {
    test('passes', () => {})
    test('is left out', ({ skip }) => skip())
    test('fails', () => expect('this').toBe('that'))
  })
  describe('a group without its server', () => {
    beforeAll(() => { throw new Error('no server') })
    test('is not run', () => {})
  })
`
const config = `
  export default {
    cacheDir: 'cache',
    test: {
      globals: true,
      reporters: [[${JSON.stringify(join(root, 'test/support/reporter.ts'))}, { outputFile: 'reports/test.json' }]],
    },
  }
`

beforeAll(() => {
  write('failing.test.js', failing)
  write('broken.test.js', "import './nowhere.js'")
  write('vitest.config.js', config)
  write('reports/checks.log', 'types are wrong\n')
  run([join(root, 'node_modules/vitest/vitest.mjs'), 'run'])
})

test('the report of a run names everything that failed, and why', () => {
  const { failures, ...totals } = JSON.parse(readFileSync(join(folder, 'reports/test.json'), 'utf8'))
  expect(totals).toMatchObject({ passed: 1, failed: 3, skipped: 2 })
  expect(failures.toSorted(byName)).toEqual([
    { name: 'broken.test.js', why: expect.stringContaining('nowhere.js') },
    {
      name: 'failing.test.js > a group > fails',
      why: expect.stringContaining("expected 'this' to be 'that'"),
    },
    { name: 'failing.test.js > a group without its server', why: expect.stringContaining('no server') },
  ])
})

test('the CI ends with these, with the steps that no report tells of, and with the totals', () => {
  const output = run([join(root, '.ci/total.cjs'), 'install and test', 'checks', 'tests on graphql 17'])
  expect(output.match(/^FAILED .*/gm)).toEqual([
    expect.stringMatching(/^FAILED install and test: /),
    expect.stringMatching(/^FAILED install and test: /),
    expect.stringMatching(/^FAILED install and test: /),
    'FAILED checks: the step itself',
    'FAILED tests on graphql 17: the step itself',
  ])
  expect(output).toContain('FAILED install and test: failing.test.js > a group > fails\n    expected')
  expect(output).toContain('FAILED checks: the step itself\n    types are wrong\n')
  expect(output.trimEnd().split('\n').at(-1)).toBe('1 passed, 5 failed, 2 skipped')
})

function write(file: string, text: string): void {
  mkdirSync(dirname(join(folder, file)), { recursive: true })
  writeFileSync(join(folder, file), text)
}

function run(args: readonly string[]): string {
  return spawnSync(process.execPath, args, { cwd: folder, encoding: 'utf8' }).stdout
}

function byName(one: { name: string }, other: { name: string }): number {
  return one.name < other.name ? -1 : 1
}
