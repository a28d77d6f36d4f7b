import { spawnSync } from 'node:child_process'

/** What `npm run check` checks, and the command for each, run by this Node. */
const checks: Readonly<Record<string, readonly string[]>> = {
  types: ['node_modules/typescript/bin/tsc'],
  lint: ['node_modules/oxlint/bin/oxlint', '--type-aware', '--deny-warnings'],
  format: ['node_modules/@biomejs/biome/bin/biome', 'ci', '--colors=off'],
  'unused files, exports and dependencies': [
    'node_modules/knip/bin/knip.js',
    '--treat-config-hints-as-errors',
  ],
  'operations of the page': ['src/codegen.ts', '--check'],
}

/** Runs every check, also after one has failed, so that one run tells all that is wrong. */
function main(): void {
  const failed = Object.entries(checks).filter(([name, command]) => !passes(name, command))
  if (failed.length > 0) process.exitCode = 1
}

function passes(name: string, command: readonly string[]): boolean {
  const started = performance.now()
  const { status } = spawnSync(process.execPath, command, { stdio: 'inherit' })
  const seconds = ((performance.now() - started) / 1_000).toFixed(1)
  console.log(`${status === 0 ? 'ok    ' : 'FAILED'}  ${name} (${seconds} s)`)
  return status === 0
}

main()
