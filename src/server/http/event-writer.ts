import {
  defaultFieldResolver,
  type FieldNode,
  type GraphQLField,
  type GraphQLLeafType,
  type GraphQLObjectType,
  type GraphQLResolveInfo,
  getNamedType,
  getNullableType,
  isAbstractType,
  isLeafType,
  isNonNullType,
  isObjectType,
  Kind,
  type OperationDefinitionNode,
  type SelectionNode,
  type SelectionSetNode,
} from 'graphql'

/** Writes an event as a whole result in JSON, or returns null where it has to be executed. */
export type EventWriter = (event: object) => string | null

/**
 * A writer for the events of one subscription, which does what execution would do, without it. It writes objects of
 * types with the extension `shared`, which look alike to everybody, as far as only leaves of them are selected.
 *
 * Subscriptions of one document share what is written: it is done once for all readers of an event.
 */
export function createEventWriter(info: GraphQLResolveInfo, context: unknown): EventWriter {
  const type = getNamedType(info.returnType)
  const selection = selectionOf(info)
  return (event) => {
    const name = isAbstractType(type) ? type.resolveType?.(event, context, info, type) : type.name
    return typeof name === 'string' ? selection.write(name, event) : null
  }
}

const selections = new WeakMap<OperationDefinitionNode, SharedSelection>()

/** One for all subscriptions of a document, unless it depends on variables what is selected. */
function selectionOf(info: GraphQLResolveInfo): SharedSelection {
  const { operation } = info
  const known = selections.get(operation)
  if (known) return known
  const selection = new SharedSelection(info)
  const hasConditions = operation.loc?.source.body.includes('@') ?? true
  if (!hasConditions) selections.set(operation, selection)
  return selection
}

type Selected = Pick<GraphQLResolveInfo, 'schema' | 'fragments' | 'variableValues' | 'fieldNodes' | 'path'>

/** The values of variables, which graphql 17 keeps beside what they were given as. */
function coerced(values: Record<string, unknown>): Record<string, unknown> {
  const isPair = typeof values['sources'] === 'object' && typeof values['coerced'] === 'object'
  return isPair ? (values['coerced'] as Record<string, unknown>) : values
}

class SharedSelection {
  readonly #selected: Selected
  readonly #start: string
  /** By type; null: its objects have to be executed. */
  readonly #fields = new Map<string, readonly FieldWriter[] | null>()
  #last: { event: object; result: string | null } | null = null

  constructor({ schema, fragments, variableValues, fieldNodes, path }: GraphQLResolveInfo) {
    this.#selected = { schema, fragments, variableValues: coerced(variableValues), fieldNodes, path }
    this.#start = `{"data":{${JSON.stringify(path.key)}:`
  }

  write(typeName: string, event: object): string | null {
    if (this.#last?.event === event) return this.#last.result
    const fields = this.#fieldsOf(typeName)
    const object = fields && writeObject(fields, event)
    const result = object && `${this.#start}${object}}}`
    if (fields) this.#last = { event, result }
    return result
  }

  #fieldsOf(typeName: string): readonly FieldWriter[] | null {
    const known = this.#fields.get(typeName)
    if (known !== undefined) return known
    const type = this.#selected.schema.getType(typeName)
    const isShared = isObjectType(type) && type.extensions['shared'] === true
    const fields = isShared ? compile(type, this.#selected) : null
    this.#fields.set(typeName, fields)
    return fields
  }
}

/** Returns a field's JSON, or null where it can't be written without execution. */
type FieldWriter = { readonly start: string; readonly write: (event: object) => string | null }

function writeObject(fields: readonly FieldWriter[], event: object): string | null {
  let json = ''
  for (const { start, write } of fields) {
    const value = write(event)
    if (value === null) return null
    json += start + value
  }
  return `{${json}}`
}

function compile(type: GraphQLObjectType, selected: Selected): FieldWriter[] | null {
  const nodes = new Map<string, FieldNode>()
  for (const { selectionSet } of selected.fieldNodes) {
    for (const node of selectionSet ? fieldsOn(type, selectionSet, selected) : []) {
      nodes.set((node.alias ?? node.name).value, node)
    }
  }
  const writers: FieldWriter[] = []
  for (const [key, node] of nodes) {
    const write = fieldWriter(type, node)
    if (!write) return null
    writers.push({ start: `${writers.length > 0 ? ',' : ''}${JSON.stringify(key)}:`, write })
  }
  return writers
}

function fieldWriter(type: GraphQLObjectType, { name }: FieldNode): FieldWriter['write'] | null {
  if (name.value === '__typename') return () => JSON.stringify(type.name)
  const field = type.getFields()[name.value]
  const leaf = field && getNullableType(field.type)
  return field && isLeafType(leaf) ? leafWriter(field, leaf) : null
}

function leafWriter(field: GraphQLField<unknown, unknown>, leaf: GraphQLLeafType): FieldWriter['write'] {
  const { resolve = defaultFieldResolver } = field
  const isRequired = isNonNullType(field.type)
  const info = { fieldName: field.name } as GraphQLResolveInfo
  return (event) => {
    // Objects that look alike to everybody need neither context nor arguments.
    const value: unknown = resolve(event, {}, undefined, info)
    if (value === null || value === undefined) return isRequired ? null : 'null'
    return value instanceof Promise ? null : JSON.stringify(leaf.serialize(value))
  }
}

function* fieldsOn(type: GraphQLObjectType, set: SelectionSetNode, selected: Selected): Generator<FieldNode> {
  for (const selection of set.selections) {
    if (!isIncluded(selection, selected.variableValues)) continue
    if (selection.kind === Kind.FIELD) yield selection
    else {
      const fragment =
        selection.kind === Kind.FRAGMENT_SPREAD ? selected.fragments[selection.name.value] : selection
      const condition = fragment?.typeCondition && selected.schema.getType(fragment.typeCondition.name.value)
      const applies =
        !condition ||
        condition === type ||
        (isAbstractType(condition) && selected.schema.isSubType(condition, type))
      if (fragment && applies) yield* fieldsOn(type, fragment.selectionSet, selected)
    }
  }
}

/** `@skip` and `@include`: there are no other directives on selections. */
function isIncluded(
  { directives = [] }: SelectionNode,
  variables: Readonly<Record<string, unknown>>,
): boolean {
  return directives.every(({ name, arguments: [condition] = [] }) => {
    const value = condition?.value
    const holds =
      value?.kind === Kind.VARIABLE
        ? variables[value.name.value]
        : value?.kind === Kind.BOOLEAN && value.value
    return name.value === 'skip' ? holds !== true : holds === true
  })
}
