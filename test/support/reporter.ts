import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Reporter, SerializedError, TestCase, TestModule, TestSuite } from 'vitest/node'
import { compareDatabases, type TestPath } from './parity.ts'

type Outcome = 'passed' | 'failed' | 'skipped'
type Report = TestPath & { readonly outcome: Outcome; readonly milliseconds: number }

/**
 * Comes after the default reporter: counts tests per database and fails the run where they differ, writes the report
 * to `outputFile`, and ends with the one line `N passed, N failed, N skipped`.
 */
export default class ParleyReporter implements Reporter {
  private readonly outputFile: string

  constructor(options: { outputFile: string }) {
    this.outputFile = options.outputFile
  }

  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly SerializedError[]): void {
    const tests = modules.flatMap((module) => [...module.children.allTests()].map(reportOf))
    const { counts, complaints } = compareDatabases(tests)
    const failures = [
      ...complaints,
      ...brokenModules(modules),
      ...unhandled.map(({ message }) => `not caught: ${message}`),
    ]
    for (const failure of failures) console.error(failure)
    if (failures.length > 0) process.exitCode = 1
    const totals = {
      passed: count(tests, 'passed'),
      failed: count(tests, 'failed') + failures.length,
      skipped: count(tests, 'skipped'),
    }
    mkdirSync(dirname(this.outputFile), { recursive: true })
    writeFileSync(
      this.outputFile,
      `${JSON.stringify({ ...totals, databases: counts, failures, tests }, null, 1)}\n`,
    )
    console.log(`Tests per database: ${counts.PGlite} on PGlite, ${counts.Postgres} on Postgres`)
    console.log(`${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped`)
  }
}

function count(tests: readonly Report[], outcome: Outcome): number {
  return tests.filter((test) => test.outcome === outcome).length
}

function reportOf(test: TestCase): Report {
  const { state } = test.result()
  return {
    file: test.module.relativeModuleId,
    suites: suitesAround(test.parent),
    name: test.name,
    // What is still pending at the end was never run to its end: nobody may take that for a pass.
    outcome: state === 'pending' ? 'failed' : state,
    milliseconds: Math.round(test.diagnostic()?.duration ?? 0),
  }
}

function suitesAround(parent: TestSuite | TestModule): string[] {
  return parent.type === 'module' ? [] : [...suitesAround(parent.parent), parent.name]
}

/** Files that failed as a whole, so that their tests are missing from every count. */
function brokenModules(modules: readonly TestModule[]): string[] {
  return modules.flatMap((module) =>
    module.errors().map(({ message }) => `${module.relativeModuleId}: ${message}`),
  )
}
