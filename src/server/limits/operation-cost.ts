import {
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLArgument,
  type GraphQLField,
  type GraphQLNamedType,
  type GraphQLSchema,
  getNamedType,
  isCompositeType,
  isInterfaceType,
  isObjectType,
  type OperationDefinitionNode,
  type SelectionSetNode,
  type ValueNode,
  valueFromASTUntyped,
} from 'graphql'
import { RequestError } from '../errors.ts'
import type { Limits } from './limits.ts'

/** `extensions.cost` of a field in the schema. Without it an object costs 1 and a leaf nothing. */
export type FieldCost = {
  /** Points for one item. */
  readonly weight?: number
  /** Arguments that say how many items there can be: a number, or a list whose length counts. */
  readonly multipliers?: readonly string[]
  /** Items counted when none of those arguments is given. Default 20. */
  readonly assumedItems?: number
}

export type MeasuredOperation = {
  readonly schema: GraphQLSchema
  readonly document: DocumentNode
  readonly operation: OperationDefinitionNode
  /** As the client sent them: what they are worth is decided later, here only sizes count. */
  readonly variables: Readonly<Record<string, unknown>>
}

type Measure = { readonly cost: number; readonly depth: number }

const nothing: Measure = { cost: 0, depth: 0 }

/**
 * Refuses an operation that nests too deeply, asks for too long a page, or costs more than it may. Everything is
 * known before the first resolver runs: an object costs its weight plus what is below it, times its items.
 *
 * Fragments are measured once each, so the measure takes time in proportion to the document, not to what it
 * expands to. Introspection is counted as one field: validation has its own limit for it.
 *
 * @throws RequestError COST_LIMIT, or BAD_USER_INPUT for a page size
 */
export function requireAffordable(
  measured: MeasuredOperation,
  limits: Pick<Limits, 'depth' | 'cost' | 'pageSize'>,
): void {
  const { cost, depth } = createMeasurer(measured, limits.pageSize).measureOperation()
  if (depth > limits.depth) {
    throw new RequestError(
      'COST_LIMIT',
      `Fields nest ${depth} levels deep: at most ${limits.depth} are taken`,
    )
  }
  if (cost > limits.cost) {
    throw new RequestError(
      'COST_LIMIT',
      `The operation costs ${cost} points: at most ${limits.cost} are taken`,
    )
  }
}

function createMeasurer({ schema, document, operation, variables }: MeasuredOperation, pageSize: number) {
  const definitions = new Map<string, FragmentDefinitionNode>()
  for (const definition of document.definitions) {
    if (definition.kind === 'FragmentDefinition') definitions.set(definition.name.value, definition)
  }
  const fragments = new Map<string, Measure>()
  const given = { ...defaultsOf(operation), ...variables }

  function measureOperation(): Measure {
    return measureSelections(schema.getRootType(operation.operation), operation.selectionSet)
  }

  function measureSelections(type: GraphQLNamedType | null | undefined, set: SelectionSetNode): Measure {
    let cost = 0
    let depth = 0
    for (const selection of set.selections) {
      const one =
        selection.kind === 'Field'
          ? measureField(type, selection)
          : selection.kind === 'InlineFragment'
            ? measureSelections(typeOf(selection.typeCondition?.name.value) ?? type, selection.selectionSet)
            : measureFragment(selection.name.value)
      cost += one.cost
      depth = Math.max(depth, one.depth)
    }
    return { cost, depth }
  }

  function measureFragment(name: string): Measure {
    const known = fragments.get(name)
    if (known) return known
    const definition = definitions.get(name)
    if (!definition) return nothing
    const measure = measureSelections(typeOf(definition.typeCondition.name.value), definition.selectionSet)
    fragments.set(name, measure)
    return measure
  }

  function measureField(parent: GraphQLNamedType | null | undefined, node: FieldNode): Measure {
    const field = isObjectType(parent) || isInterfaceType(parent) ? parent.getFields()[node.name.value] : null
    if (!field) return { cost: 0, depth: 1 }
    const args = argumentsOf(node, given)
    requirePageSize(args, pageSize)
    const type = getNamedType(field.type)
    const below = node.selectionSet ? measureSelections(type, node.selectionSet) : nothing
    const { weight = isCompositeType(type) ? 1 : 0 } = costOf(field)
    return { cost: itemsOf(field, args) * (weight + below.cost), depth: below.depth + 1 }
  }

  function typeOf(name: string | undefined): GraphQLNamedType | undefined {
    return name === undefined ? undefined : schema.getType(name)
  }

  return { measureOperation }
}

type Arguments = Readonly<Record<string, unknown>>

function argumentsOf(node: FieldNode, variables: Arguments): Arguments {
  return Object.fromEntries(
    (node.arguments ?? []).map((argument) => [
      argument.name.value,
      valueFromASTUntyped(argument.value, variables),
    ]),
  )
}

function defaultsOf(operation: OperationDefinitionNode): Arguments {
  return Object.fromEntries(
    (operation.variableDefinitions ?? [])
      .filter((definition) => definition.defaultValue)
      .map((definition) => [
        definition.variable.name.value,
        definition.defaultValue && valueFromASTUntyped(definition.defaultValue),
      ]),
  )
}

function requirePageSize({ first, last }: Arguments, pageSize: number): void {
  for (const [name, value] of [
    ['first', first],
    ['last', last],
  ] as const) {
    if (typeof value === 'number' && (value < 0 || value > pageSize)) {
      throw new RequestError('BAD_USER_INPUT', `\`${name}\` takes 0 to ${pageSize}, not ${value}`)
    }
  }
  if (typeof first === 'number' && typeof last === 'number') {
    throw new RequestError('BAD_USER_INPUT', 'Give `first` or `last`, not both')
  }
}

/** How many items a field can give, as far as its arguments say. */
function itemsOf(field: GraphQLField<unknown, unknown>, args: Arguments): number {
  const { multipliers = [], assumedItems = 20 } = costOf(field)
  if (multipliers.length === 0) return 1
  const sizes = multipliers
    .map((name) => args[name] ?? defaultOf(field.args.find((argument) => argument.name === name)))
    .filter((value) => value !== undefined && value !== null)
    .map((value) => (Array.isArray(value) ? value.length : Number(value)))
  if (sizes.length === 0) return assumedItems
  // A size that is no number never runs: its variable is refused when values are coerced.
  return sizes.reduce((items, size) => items * Math.max(size || 1, 1), 1)
}

/** Version 17 of graphql keeps a default as it was written, under another name. */
type WrittenDefault = { readonly default?: { readonly value?: unknown; readonly literal?: ValueNode } }

function defaultOf(argument: (GraphQLArgument & WrittenDefault) | undefined): unknown {
  const written = argument?.default
  return argument?.defaultValue ?? (written?.literal ? valueFromASTUntyped(written.literal) : written?.value)
}

function costOf(field: GraphQLField<unknown, unknown>): FieldCost {
  return (field.extensions.cost as FieldCost | undefined) ?? {}
}
