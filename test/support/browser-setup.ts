import { accessSync, constants } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import type { TestProject } from 'vitest/node'

/** How to start the browser that the tests drive. */
export type BrowserProgram = { readonly executablePath: string; readonly env: Record<string, string> }

declare module 'vitest' {
  interface ProvidedContext {
    readonly browser: BrowserProgram
  }
}

/** Finds Chromium or Chrome, or unpacks the one in @sparticuz/chromium, once before the tests that need it. */
export async function setup(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  const installed = findInstalled()
  if (installed !== null) {
    project.provide('browser', { executablePath: installed, env: {} })
    return undefined
  }
  const folder = await mkdtemp(join(tmpdir(), 'parley-chromium-'))
  project.provide('browser', await unpack(folder))
  return () => rm(folder, { recursive: true, force: true })
}

const names = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome', 'chrome']
const elsewhere = [
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
  'C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe',
]

function findInstalled(): string | null {
  const folders = (process.env['PATH'] ?? '').split(delimiter)
  const candidates = [...folders.flatMap((folder) => names.map((name) => join(folder, name))), ...elsewhere]
  return candidates.find(isExecutable) ?? null
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/**
 * The package unpacks into the system's temporary folder and takes whatever lies there already, so it is shown one
 * of its own. It brings the libraries that a bare machine lacks only when it believes to be on Amazon's.
 */
async function unpack(folder: string): Promise<BrowserProgram> {
  const before = {
    TMPDIR: process.env['TMPDIR'],
    AWS_LAMBDA_JS_RUNTIME: process.env['AWS_LAMBDA_JS_RUNTIME'],
  }
  Object.assign(process.env, { TMPDIR: folder, AWS_LAMBDA_JS_RUNTIME: 'nodejs24.x' })
  try {
    const { default: chromium } = await import('@sparticuz/chromium')
    const executablePath = await chromium.executablePath()
    await writeFile(join(folder, 'fonts', 'fonts.conf'), fontsConfig(folder))
    const { LD_LIBRARY_PATH = '', FONTCONFIG_PATH = '' } = process.env
    return { executablePath, env: { LD_LIBRARY_PATH, FONTCONFIG_PATH, HOME: folder, TMPDIR: folder } }
  } finally {
    for (const [name, value] of Object.entries(before)) {
      if (value === undefined) delete process.env[name]
      else process.env[name] = value
    }
  }
}

/** The package's own looks for its fonts in /tmp only, and a browser without any font crashes. */
function fontsConfig(folder: string): string {
  const folders = [join(folder, 'fonts'), '/usr/share/fonts', '/usr/local/share/fonts']
  return `<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
${folders.map((each) => `  <dir>${each}</dir>`).join('\n')}
  <cachedir>${join(folder, 'fonts-cache')}</cachedir>
</fontconfig>
`
}
