import {
  buildSchema,
  type GraphQLNamedType,
  type GraphQLSchema,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isIntrospectionType,
  isObjectType,
  isSpecifiedScalarType,
} from 'graphql'
import { describe, expect, test } from 'vitest'
import { schema } from '../../../src/server/graphql/schema.ts'

describe('the schema as people read it', () => {
  test('describes every type, field, argument and enum value', () => {
    expect(undescribed(schema)).toEqual([])
  })
})

describe('the gate for descriptions', () => {
  test('names everything that has none', () => {
    const silent = buildSchema(`
      type Query { field(argument: Input, "said" other: Int): Node  "said" described: Enum }
      interface Node { id: ID! }
      input Input { field: Int }
      enum Enum { VALUE "said" OTHER }
      scalar Scalar
      "  " type Blank { "said" field: Scalar }
    `)
    expect(undescribed(silent).toSorted()).toEqual([
      'Blank',
      'Enum',
      'Enum.VALUE',
      'Input',
      'Input.field',
      'Node',
      'Node.id',
      'Query',
      'Query.field',
      'Query.field(argument)',
      'Scalar',
    ])
  })
})

type Described = { readonly name: string; readonly description?: string | null | undefined }

/** What of a schema says nothing about itself. */
function undescribed(of: GraphQLSchema): string[] {
  return Object.values(of.getTypeMap())
    .filter((type) => !isIntrospectionType(type) && !isSpecifiedScalarType(type))
    .flatMap((type) => [
      ...silent('', [type]),
      ...silent(`${type.name}.`, membersOf(type)),
      ...silentArguments(type),
    ])
}

function membersOf(type: GraphQLNamedType): readonly Described[] {
  if (isEnumType(type)) return type.getValues()
  const hasFields = isObjectType(type) || isInterfaceType(type) || isInputObjectType(type)
  return hasFields ? Object.values(type.getFields()) : []
}

function silentArguments(type: GraphQLNamedType): string[] {
  if (!isObjectType(type) && !isInterfaceType(type)) return []
  return Object.values(type.getFields()).flatMap((field) =>
    silent('', field.args).map((name) => `${type.name}.${field.name}(${name})`),
  )
}

function silent(prefix: string, all: readonly Described[]): string[] {
  return all.filter(({ description }) => !description?.trim()).map(({ name }) => `${prefix}${name}`)
}
