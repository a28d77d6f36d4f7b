import { run } from './cli.ts'

void run(process.argv.slice(2)).then((code) => {
  process.exitCode = code
  // Standard output may still be on its way into a pipe; what else is left open must not hold the process.
  setTimeout(() => process.exit(), 2_000).unref()
})
