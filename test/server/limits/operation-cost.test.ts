import { buildSchema, type GraphQLSchema, getOperationAST, parse } from 'graphql'
import { describe, expect, test } from 'vitest'
import { type FieldCost, requireAffordable } from '../../../src/server/limits/operation-cost.ts'

const schema = withCosts(
  buildSchema(`
    interface Named { name: String  friends(first: Int): [Person] }
    type Person implements Named { name: String  friends(first: Int): [Person]  best: Person  visits: Int }
    type Query { me: Person  named: Named  people(ids: [ID!]!): [Person]  page(first: Int = 3): [Person]  dear: Person }
  `),
  {
    'Person.friends': { multipliers: ['first'] },
    'Named.friends': { multipliers: ['first'] },
    'Person.visits': { weight: 7 },
    'Query.people': { multipliers: ['ids'] },
    'Query.page': { multipliers: ['first'] },
    'Query.dear': { weight: 50 },
  },
)

/** What an operation costs, as a limit that takes nothing says. */
function priceOf(query: string, variables: Record<string, unknown> = {}): number {
  const document = parse(query)
  const operation = getOperationAST(document)
  if (!operation) throw new Error('no operation')
  try {
    requireAffordable({ schema, document, operation, variables }, { cost: -1, depth: 100, pageSize: 100 })
  } catch (error) {
    return Number(/costs (\d+) points/.exec(String(error))?.[1])
  }
  throw new Error('it was taken')
}

describe('the cost of', () => {
  test.each([
    ['an object is 1 and of a leaf nothing', '{ me { name } }', 1],
    ['what is inside comes on top', '{ me { best { best { name } } } }', 3],
    [
      'a page is its length times what one costs',
      '{ me { friends(first: 10) { best { name } } } }',
      1 + 10 * 2,
    ],
    ['pages in pages multiply', '{ me { friends(first: 10) { friends(first: 10) { name } } } }', 1 + 10 * 11],
    ['a page of no given length counts as 20', '{ me { friends { name } } }', 1 + 20],
    ['a default is a given length', '{ page { name } }', 3],
    ['a null is none', '{ me { friends(first: null) { name } } }', 1 + 20],
    ['an empty page still costs one', '{ me { friends(first: 0) { name } } }', 1 + 1],
    ['a list of ids is its length', '{ people(ids: ["a", "b", "c"]) { name } }', 3],
    ['a single id is one', '{ people(ids: "a") { name } }', 1],
    ['a weight is what it says', '{ dear { visits } }', 57],
    ['an inline fragment is what it holds', '{ named { ... on Person { best { name } } } }', 2],
    [
      'a fragment is what it holds, each time',
      '{ me { ...F best { ...F } } } fragment F on Person { visits }',
      16,
    ],
  ])('%s', (_what, query, points) => {
    expect(priceOf(query)).toBe(points)
  })

  test.each([
    ['variables decide', { n: 5 }, 1 + 5],
    ['a missing one has its default', {}, 1 + 9],
    ['one that is no number is refused elsewhere', { n: 'many' }, 1 + 1],
  ])('%s', (_what, variables, points) => {
    expect(priceOf('query ($n: Int = 9) { me { friends(first: $n) { name } } }', variables)).toBe(points)
  })

  test('a list in a variable is its length', () => {
    const query = 'query ($ids: [ID!]!) { people(ids: $ids) { name } }'
    expect(priceOf(query, { ids: ['a', 'b', 'c', 'd'] })).toBe(4)
  })
})

function withCosts(bare: GraphQLSchema, given: Record<string, FieldCost>): GraphQLSchema {
  for (const [coordinate, cost] of Object.entries(given)) {
    const [type = '', field = ''] = coordinate.split('.')
    const fields = bare.getType(type)
    if (fields && 'getFields' in fields) Object.assign(fields.getFields()[field]?.extensions ?? {}, { cost })
  }
  return bare
}
