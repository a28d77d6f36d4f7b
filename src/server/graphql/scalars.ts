import { GraphQLError, Kind } from 'graphql'
import { builder } from './builder.ts'

const rfc3339 = /^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$/

builder.scalarType('DateTime', {
  description: 'A moment as RFC 3339 writes it, in UTC with milliseconds: `2026-11-20T06:00:00.000Z`.',
  specifiedByURL: 'https://scalars.graphql.org/andimarek/date-time.html',
  serialize: (date) => date.toISOString(),
  parseValue: (value) => {
    const date = typeof value === 'string' && rfc3339.test(value) ? new Date(value) : null
    if (date && !Number.isNaN(date.getTime())) return date
    throw new GraphQLError('A DateTime is an RFC 3339 timestamp such as 2026-11-20T06:00:00Z')
  },
})

builder.scalarType('Cursor', {
  description: 'Opaque position in an event stream. Store it, send it back, never parse it.',
  serialize: String,
  parseValue: (value) => parseText(value, 'A Cursor'),
  parseLiteral: (node) => parseText(node.kind === Kind.STRING ? node.value : null, 'A Cursor'),
})

builder.scalarType('Decimal', {
  description: 'Exact decimal number as a string, as for money: `0.0125`.',
  serialize: String,
  parseValue: (value) => parseText(value, 'A Decimal'),
})

function parseText(value: unknown, name: string): string {
  if (typeof value === 'string') return value
  throw new GraphQLError(`${name} is a string`)
}
