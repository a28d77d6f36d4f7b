// Ends a run of the CI: names every failed test, and every failed step that no report tells of, each with the lines
// that say why, and adds up the reports in one last line: N passed, N failed, N skipped.
// Arguments: the names of the failed steps. In CommonJS for the Node outside, which may be an old one.
'use strict'

const { existsSync, readFileSync } = require('node:fs')

const reportFiles = {
  'install and test': 'reports/test.json',
  'tests on graphql 17': 'reports/graphql17.json',
  'the executable alone': 'reports/executable.json',
}
const linesOfAStep = 30

function main(failedSteps) {
  const reports = Object.entries(reportFiles).map(([step, file]) => ({ step, ...read(file) }))
  const failures = reports.flatMap(({ step, failures }) =>
    failures.map(({ name, why }) => ({ name: `${step}: ${name}`, why })),
  )
  const told = reports.filter((report) => report.failures.length > 0).map(({ step }) => step)
  const untold = failedSteps
    .filter((step) => !told.includes(step))
    .map((step) => ({ name: `${step}: the step itself`, why: lastLines(`reports/${step}.log`) }))
  for (const { name, why } of [...failures, ...untold]) console.log(`FAILED ${name}\n${indented(why)}\n`)
  const sum = (outcome) => reports.reduce((total, report) => total + report[outcome], 0)
  console.log(`${sum('passed')} passed, ${failures.length + untold.length} failed, ${sum('skipped')} skipped`)
}

function read(file) {
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : { passed: 0, skipped: 0, failures: [] }
}

function lastLines(file) {
  return existsSync(file)
    ? readFileSync(file, 'utf8').trimEnd().split('\n').slice(-linesOfAStep).join('\n')
    : ''
}

function indented(text) {
  return text.replace(/^/gm, '    ')
}

main(process.argv.slice(2))
