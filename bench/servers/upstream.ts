import { join } from 'node:path'
import { lineWith, type Program, startProgram } from './process.ts'

/** Starts the upstream, in a process of its own. */
export async function startUpstream(): Promise<Program & { readonly url: string }> {
  const program = startProgram(process.execPath, [join(import.meta.dirname, '../upstream/main.ts')], {})
  return { ...program, url: await lineWith(program, /(.+)/) }
}
