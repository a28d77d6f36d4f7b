import { buildClientWhenStale } from './build.ts'

// `npm start`: the server from its sources, with a page that is never older than they are.
await buildClientWhenStale()
if (process.env['npm_lifecycle_event'] === 'start') stopWithNpm()
await import('./server/main.ts')

/**
 * Stops the server when npm was told to stop. npm hands a SIGTERM to the shell that it starts scripts with, which dies
 * of it and tells nobody: what is left to see is that the parent has changed.
 */
function stopWithNpm(): void {
  const shell = process.ppid
  const watch = setInterval(() => {
    if (process.ppid === shell) return
    clearInterval(watch)
    process.kill(process.pid, 'SIGTERM')
  }, 250)
  watch.unref()
}
