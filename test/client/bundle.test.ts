import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, expect, test } from 'vitest'

const root = resolve(import.meta.dirname, '../..')
const folder = mkdtempSync(join(tmpdir(), 'parley-page-'))

beforeAll(async () => {
  const { build } = await import('vite')
  const configFile = join(root, 'vite.config.ts')
  await build({ configFile, root: join(root, 'src/client'), build: { outDir: folder }, logLevel: 'error' })
})

afterAll(() => rmSync(folder, { recursive: true }))

test('all JavaScript that the page needs before it shows is at most 350 KB gzipped', () => {
  const files = initialScripts()
  const size = files.reduce((sum, file) => sum + gzipSync(read(file)).length, 0)
  expect(files.length).toBeGreaterThan(1)
  expect(size).toBeLessThanOrEqual(350_000)
})

test('the colours of code are not part of it', () => {
  const all = initialScripts().map(read).join('')
  expect(all).not.toContain('source.python')
  expect(all).not.toContain('github-dark-default')
})

test('nothing in the document is inline or from elsewhere', () => {
  const html = read('/index.html')
  expect(html).not.toMatch(/<script(?![^>]*\ssrc=)/)
  expect(html).not.toMatch(/<style|\sstyle=|\son\w+=/)
  expect(html).not.toMatch(/(?:src|href)="(?!\/)/)
})

/** Scripts that the document names, and whatever they import without waiting. */
function initialScripts(): string[] {
  const found = new Set(
    Array.from(read('/index.html').matchAll(/(?:src|href)="(\/[^"]+\.js)"/g), ([, path]) => path!),
  )
  for (const file of found) {
    for (const [, path] of read(file).matchAll(/(?:^|[;}])import[^(;]*?"\.\/([\w.-]+\.js)"/g))
      found.add(`/assets/${path}`)
  }
  return [...found]
}

function read(path: string): string {
  return readFileSync(join(folder, path), 'utf8')
}
