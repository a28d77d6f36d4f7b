import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

const require = createRequire(import.meta.url)

/** What has nothing to do with graphql, or no more than other tests, or runs in processes of its own. */
const withoutGraphql = [
  'test/{bench,ci,compose,imports,readme,toolchain}.test.ts',
  'test/server/{auth,db,llm}/**',
  'test/server/{arguments,cli,config,database-away,deploys}.test.ts',
  'test/server/chat/{canonical-json,endings,hashes,message-hash,processes,prompt,queue,run-*,text}.test.ts',
  'test/server/streams/{bus,content,contents,cursor,events,every-statement,poll,run-log,wake-ups}.test.ts',
]

/**
 * Three projects: `server` (everything that runs in Node), `client` (the page's pure parts) and `e2e` (the
 * executable and a browser). `--mode graphql17` runs them on the next major version of graphql.
 */
export default defineConfig(({ mode }) => ({
  resolve: {
    // Vite prefers the ESM build where Node takes the CommonJS one: two copies of graphql do not know each other's types.
    alias: [
      { find: /^graphql$/, replacement: require.resolve(mode === 'graphql17' ? 'graphql17' : 'graphql') },
    ],
  },
  test: {
    reporters: ['default', ['./test/support/reporter.ts', { outputFile: `reports/${mode}.json` }]],
    globalSetup: 'test/support/postgres.ts',
    // Tests wait for events. These only end what would never end, however busy the machine is.
    testTimeout: 180_000,
    hookTimeout: 180_000,
    teardownTimeout: 20_000,
    maxWorkers: 2,
    execArgv:
      mode === 'graphql17'
        ? ['--import', fileURLToPath(new URL('test/support/graphql17.ts', import.meta.url))]
        : [],
    projects: [
      {
        extends: true,
        test: {
          name: 'server',
          include: ['test/*.test.ts', 'test/server/**/*.test.ts'],
          exclude: mode === 'graphql17' ? withoutGraphql : [],
        },
      },
      { extends: true, test: { name: 'client', include: ['test/client/**/*.test.{ts,tsx}'] } },
      {
        extends: true,
        test: {
          name: 'e2e',
          include: mode === 'soak' ? ['test/soak/**/*.test.ts'] : ['test/{e2e,soak}/**/*.test.ts'],
          globalSetup: ['test/support/executable.ts', 'test/support/browser-setup.ts'],
          // They start servers and browsers of their own: after the others.
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
}))
