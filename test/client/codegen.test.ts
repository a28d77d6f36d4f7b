import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { type FieldDefinitionNode, type NamedTypeNode, parse, parseType, print, visit } from 'graphql'
import { describe, expect, test } from 'vitest'
import { generateOperations, staleFiles } from '../../src/codegen.ts'

const schema = readFileSync(resolve(import.meta.dirname, '../../schema/schema.graphql'), 'utf8')

describe('the typed operations of the page', () => {
  test('are what the schema and the documents make of them', async () => {
    expect(staleFiles(await generateOperations(schema)), 'run `npm run codegen`').toEqual([])
  })

  test('cannot be made when the schema loses a field that the page asks for', async () => {
    const without = changeField('displayName', () => null)
    await expect(generateOperations(without)).rejects.toThrow(
      'Cannot query field "displayName" on type "Model"',
    )
  })

  test('change with the type of a field, so that the page’s own types no longer fit', async () => {
    const nullable = changeField('displayName', (field) => ({
      ...field,
      type: parseType('String') as NamedTypeNode,
    }))
    expect(staleFiles(await generateOperations(nullable))).toEqual(['src/client/graphql/graphql.ts'])
  })
})

function changeField(
  name: string,
  change: (field: FieldDefinitionNode) => FieldDefinitionNode | null,
): string {
  return print(
    visit(parse(schema), {
      FieldDefinition: (field) => (field.name.value === name ? change(field) : undefined),
    }),
  )
}
