import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { findViolations, readSources } from './support/import-rules.ts'

const root = fileURLToPath(new URL('..', import.meta.url))

test('imports follow the arrows, and only config.ts reads the environment', () => {
  const sources = readSources(root)
  expect(sources.length).toBeGreaterThan(10)
  expect(findViolations(sources)).toEqual([])
})

describe('the gate sees', () => {
  test.each([
    [
      'an import against the arrows',
      'src/server/chat/messages.ts',
      "import { route } from '../http/server.ts'",
    ],
    ['one by type alone', 'src/server/streams/follow.ts', "import type { Chat } from '../chat/chat.ts'"],
    ['one in the middle of a type', 'src/server/db/connect.ts', "type Chat = import('../chat/chat.ts').Chat"],
    ['one by name through an export', 'src/server/limits/rate.ts', "export * from '../auth/viewer.ts'"],
    ['one at run time', 'src/server/auth/viewer.ts', "await import('../graphql/schema.ts')"],
    [
      'the configuration handed down',
      'src/server/http/server.ts',
      "import type { Config } from '../config.ts'",
    ],
    [
      'a provider picked outside of app.ts',
      'src/server/chat/models.ts',
      "import { demo } from '../llm/demo.ts'",
    ],
    ['the page importing the server', 'src/client/client.ts', "import { newId } from '../server/ids.ts'"],
    ['the page importing Node', 'src/client/client.ts', "import { join } from 'node:path'"],
    [
      'the server importing the page',
      'src/server/http/page.ts',
      "import { App } from '../../client/app.tsx'",
    ],
    [
      'the source importing a test',
      'src/server/app.ts',
      "import { open } from '../../test/support/databases.ts'",
    ],
    ['a migration that imports a package', 'migrations/0002-x.ts', "import pg from 'pg'"],
    [
      'a migration that imports the source',
      'migrations/0002-x.ts',
      "import { newId } from '../src/server/ids.ts'",
    ],
    ['a read of the environment', 'src/server/db/connect.ts', 'export const url = process.env.DATABASE_URL'],
    ['one by destructuring', 'src/server/db/connect.ts', 'const { env } = process'],
    ['one by import', 'src/server/db/connect.ts', "import { env } from 'node:process'"],
  ])('%s', (_what, path, text) => {
    expect(findViolations([{ path, text }])).toHaveLength(1)
  })

  test.each([
    [
      'further down the arrows',
      'src/server/graphql/message.ts',
      "import type { Db } from '../db/connect.ts'",
    ],
    ['in the same folder', 'src/server/chat/messages.ts', "import { canRead } from './access.ts'"],
    ['of a leaf', 'src/server/db/tables.ts', "import type { Parameters } from '../llm/provider.ts'"],
    ['of a package', 'src/server/db/connect.ts', "import { Pool } from 'pg'"],
    ['of an implementation by app.ts', 'src/server/app.ts', "import { demoProvider } from './llm/demo.ts'"],
    ['of a migration by the list', 'migrations/index.ts', "import * as initial from './0001-initial.ts'"],
  ])('nothing wrong with an import %s', (_what, path, text) => {
    expect(findViolations([{ path, text }])).toEqual([])
  })
})
