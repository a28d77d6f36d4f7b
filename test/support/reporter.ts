import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Reporter, SerializedError, TestCase, TestModule, TestSuite } from 'vitest/node'
import { compareDatabases, type TestPath } from './parity.ts'

type Outcome = 'passed' | 'failed' | 'skipped'
type Report = TestPath & { readonly outcome: Outcome; readonly milliseconds: number }

/** What failed, by its full name, and the first lines of why. `.ci/run` ends with these. */
type Failure = { readonly name: string; readonly why: string }

const linesOfAnError = 12

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
    const cases = modules.flatMap((module) => [...module.children.allTests()])
    const tests = cases.map(reportOf)
    const { counts, complaints } = compareDatabases(tests)
    const besideTests = [
      ...complaints.map((why) => ({ name: 'the tests per database', why })),
      ...modules.flatMap(brokenGroups),
      ...unhandled.map((error) => ({ name: 'not caught', why: firstLines([error]) })),
    ]
    for (const { name, why } of besideTests) console.error(`${name}: ${why}`)
    if (besideTests.length > 0) process.exitCode = 1
    const failures = [...cases.flatMap(failureOf), ...besideTests]
    const totals = {
      passed: count(tests, 'passed'),
      failed: failures.length,
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
  return {
    file: test.module.relativeModuleId,
    suites: suitesAround(test.parent),
    name: test.name,
    outcome: outcomeOf(test),
    milliseconds: Math.round(test.diagnostic()?.duration ?? 0),
  }
}

/** What is still pending at the end was never run to its end: nobody may take that for a pass. */
function outcomeOf(test: TestCase): Outcome {
  const { state } = test.result()
  return state === 'pending' ? 'failed' : state
}

function suitesAround(parent: TestSuite | TestModule): string[] {
  return parent.type === 'module' ? [] : [...suitesAround(parent.parent), parent.name]
}

function failureOf(test: TestCase): Failure[] {
  if (outcomeOf(test) !== 'failed') return []
  return [{ name: nameOf(test), why: firstLines(test.result().errors) }]
}

/** Files and groups that failed beside their tests: what was to be set up for these, or cleared away after them. */
function brokenGroups(module: TestModule): Failure[] {
  return [module, ...module.children.allSuites()].flatMap((group) =>
    group.errors().map((error) => ({ name: nameOf(group), why: firstLines([error]) })),
  )
}

function nameOf(task: TestCase | TestSuite | TestModule): string {
  if (task.type === 'module') return task.relativeModuleId
  return [task.module.relativeModuleId, ...suitesAround(task.parent), task.name].join(' > ')
}

function firstLines(errors: readonly SerializedError[] = []): string {
  return errors
    .flatMap(({ message, stacks = [] }) => [
      ...message.split('\n').slice(0, linesOfAnError),
      ...stacks.map(({ file, line }) => `at ${file}:${line}`),
    ])
    .slice(0, linesOfAnError)
    .join('\n')
}
