import type { TestProject } from 'vitest/node'
import { buildExecutableWhenStale } from '../../src/build.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** Path of dist/parley, made of the sources as they are. */
    readonly executable: string
  }
}

/** Set up once before the tests that need the executable. */
export async function setup(project: TestProject): Promise<void> {
  project.provide('executable', await buildExecutableWhenStale())
}
