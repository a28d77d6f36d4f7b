import { buildClientWhenStale } from './build.ts'

// `npm start`: the server from its sources, with a page that is never older than they are.
await buildClientWhenStale()
await import('./server/main.ts')
