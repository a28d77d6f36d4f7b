import { readdir, readFile } from 'node:fs/promises'
import { join, relative, resolve, sep } from 'node:path'
import { getAssetKeys, getRawAsset, isSea } from 'node:sea'
import { type Asset, createAsset } from './asset.ts'

/** The built page. */
export type Page = {
  readonly document: Asset
  /** Every other file by its path in a URL. */
  readonly files: ReadonlyMap<string, Asset>
}

/** The page, or null while it has not been built. */
export type PageSource = () => Promise<Page | null>

const embeddedPrefix = 'client/'
const builtFolder = resolve(import.meta.dirname, '../../../dist/client')

/**
 * The page inside the executable, or the one that a build left in `folder`. It is read once, but looked for again
 * as long as there is none: it may be built after the server has started.
 */
export function createPageSource(folder: string = builtFolder): PageSource {
  let page: Promise<Page | null> | null = null
  return async () => {
    page ??= readFiles(folder).then(toPage)
    const found = await page
    if (!found) page = null
    return found
  }
}

/** Only what the server itself serves runs in the page, and nothing frames it. */
export const pagePolicy = [
  "default-src 'none'",
  "script-src 'self'",
  // Components set styles on elements; a style can show something, but run nothing.
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data: blob:",
  "font-src 'self'",
  "connect-src 'self'",
  "manifest-src 'self'",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
].join('; ')

/** Shown where the page has not been built. */
export const missingPage = createAsset(
  'missing.html',
  Buffer.from(`<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Parley</title>
<p>The server runs, but its page has not been built: <code>npm run build</code> makes it.
<p>The API is there all the same: <a href="/graphql">/graphql</a>
`),
)

const icon = createAsset(
  'favicon.svg',
  Buffer.from(
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><path fill="#4f46e5" d="M6 4h20a4 4 0 0 1 4 4v12a4 ' +
      '4 0 0 1-4 4H14l-8 6v-6a4 4 0 0 1-4-4V8a4 4 0 0 1 4-4Z"/><path stroke="#fff" stroke-width="2.5" ' +
      'stroke-linecap="round" d="M9 11h14M9 17h9"/></svg>',
  ),
)

/** Where the page brings none of its own. */
export const favicon: ReadonlyMap<string, Asset> = new Map([
  ['/favicon.svg', icon],
  ['/favicon.ico', icon],
])

async function readFiles(folder: string): Promise<Map<string, Uint8Array>> {
  if (isSea()) return readEmbedded()
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => [])
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
  return new Map(
    await Promise.all(
      paths.map(
        async (path) => [`/${relative(folder, path).split(sep).join('/')}`, await readFile(path)] as const,
      ),
    ),
  )
}

function readEmbedded(): Map<string, Uint8Array> {
  const keys = getAssetKeys().filter((key) => key.startsWith(embeddedPrefix))
  return new Map(
    keys.map((key) => [`/${key.slice(embeddedPrefix.length)}`, new Uint8Array(getRawAsset(key))]),
  )
}

function toPage(contents: ReadonlyMap<string, Uint8Array>): Page | null {
  const files = new Map([...contents].map(([path, content]) => [path, createAsset(path, content)]))
  const document = files.get('/index.html')
  files.delete('/index.html')
  return document ? { document, files } : null
}
