import { existsSync, readFileSync } from 'node:fs'
import { buildSchema, printSchema } from 'graphql'
import { describe, expect, test } from 'vitest'
import { schema } from '../src/server/graphql/schema.ts'
import { breakingChanges, staleness } from './support/gates.ts'

const current = read('schema.graphql')

describe('the published schema', () => {
  test('is what the code prints', () => {
    // Another version of graphql prints the same schema with other spaces.
    const committed =
      import.meta.env.MODE === 'graphql17' ? `${printSchema(buildSchema(current))}\n` : current
    expect(staleness(committed, `${printSchema(schema)}\n`)).toBeNull()
  })

  test('answers every operation that the last release answered', () => {
    expect(breakingChanges(read('released.graphql', current), current)).toEqual([])
  })
})

describe('the gate for a stale schema', () => {
  test('names the first line that differs', () => {
    expect(staleness('type Query {\n  a: Int\n}\n', 'type Query {\n  b: Int\n}\n')).toMatch(/from line 2 on/)
    expect(staleness('type Query {\n  a: Int\n}', 'type Query {\n  a: Int\n}\n')).toMatch(/from line 4 on/)
  })
})

describe('the gate for breaking changes', () => {
  const released = 'enum Kind { A B } input In { a: Int } type Query { one(in: In): Kind!, two: [Int!] }'

  test.each([
    ['a field that is gone', 'enum Kind { A B } input In { a: Int } type Query { one(in: In): Kind! }'],
    [
      'a value that may be null now',
      'enum Kind { A B } input In { a: Int } type Query { one(in: In): Kind, two: [Int!] }',
    ],
    [
      'an argument that is required now',
      'enum Kind { A B } input In { a: Int } type Query { one(in: In!): Kind!, two: [Int!] }',
    ],
    [
      'an input field that is required now',
      'enum Kind { A B } input In { a: Int!} type Query { one(in: In): Kind!, two: [Int!] }',
    ],
    [
      'an enum value that is gone',
      'enum Kind { A } input In { a: Int } type Query { one(in: In): Kind!, two: [Int!] }',
    ],
    [
      'another type',
      'enum Kind { A B } input In { a: Int } type Query { one(in: In): Kind!, two: [String!] }',
    ],
  ])('sees %s', (_what, changed) => {
    expect(breakingChanges(released, changed)).toHaveLength(1)
  })

  test('lets an addition through', () => {
    const added =
      'enum Kind { A B C } input In { a: Int, b: Int } type Query { one(in: In, x: Int): Kind!, two: [Int!]!, three: Int }'
    expect(breakingChanges(released, added)).toEqual([])
  })
})

function read(name: string, otherwise = ''): string {
  const url = new URL(`../schema/${name}`, import.meta.url)
  return existsSync(url) ? readFileSync(url, 'utf8') : otherwise
}
