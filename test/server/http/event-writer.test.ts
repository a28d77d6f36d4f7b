import { type ExecutionResult, parse, subscribe } from 'graphql'
import { describe, expect, test } from 'vitest'
import { schema } from '../../../src/server/graphql/schema.ts'
import { withDelivery } from '../../../src/server/http/event-delivery.ts'
import { createOperation, type Operation } from '../../../src/server/http/operation.ts'
import { type GenerationId, type MessageId, newId, type ViewerId } from '../../../src/server/ids.ts'
import type { DeltaItem, HeartbeatItem, PartItem } from '../../../src/server/streams/items.ts'

const at = new Date('2026-01-02T03:04:05.678Z')
const whose = { generationId: newId<GenerationId>(), messageId: newId<MessageId>(), at, seq: 7 }
const events: readonly (DeltaItem | PartItem | HeartbeatItem)[] = [
  delta(0, 'plain'),
  delta(5, 'quotes " and \\ and \u2028 and 😀'),
  { ...whose, type: 'part', cursor: 'BBBB', part: 0, content: { kind: 'TEXT', text: 'whole' } },
  { type: 'heartbeat', cursor: 'CCCC', seq: 8, at },
]

function delta(offset: number, text: string): DeltaItem {
  return { ...whose, type: 'delta', cursor: 'AAAA', revision: 1, part: 0, kind: 'TEXT', offset, text }
}

/** What a subscription to `events` gives: what was sent without execution, and all of it in order. */
async function results(query: string, variables: Record<string, unknown>, canSend: boolean) {
  const operation = newOperation()
  const all: unknown[] = []
  let sent = 0
  operation.send = (result) => {
    all.push(JSON.parse(result))
    sent += 1
    return null
  }
  if (!canSend) operation.send = null
  for await (const result of await subscribeTo(query, variables, operation)) all.push(structured(result))
  return { all, sent }
}

function newOperation(): Operation {
  return createOperation({ viewer: { id: newId<ViewerId>(), handle: 'local' }, address: '::1' })
}

async function subscribeTo(query: string, variableValues: Record<string, unknown>, operation: Operation) {
  const document = parse(query)
  const contextValue = { operation }
  const schema = withDelivery(sourced())
  return (await subscribe({
    schema,
    document,
    variableValues,
    contextValue,
  })) as AsyncIterable<ExecutionResult>
}

/** The server's schema, whose `conversationEvents` are {@link events}. */
function sourced() {
  const field = schema.getSubscriptionType()!.getFields()['conversationEvents']!
  field.subscribe = async function* () {
    yield* events
  }
  return schema
}

const structured = (result: unknown): unknown => JSON.parse(JSON.stringify(result))

describe('what is written without execution', () => {
  test.each([
    [
      'fields',
      '__typename cursor seq at ... on PartDelta { generationId messageId partIndex revision kind offset text }',
    ],
    [
      'aliases',
      'which: __typename ... on PartDelta { a: offset b: offset text } ... on PartFinished { part { index } }',
    ],
    [
      'fragments',
      '...Any ... on StreamEvent { at } } fragment Any on ConversationEvent { ...Delta seq } fragment Delta on PartDelta { text',
    ],
    [
      'conditions',
      'seq @skip(if: $yes) at @include(if: $no) ... on PartDelta @include(if: $yes) { text kind @skip(if: $no) }',
    ],
    ['nothing of its own', '... on PartFinished { part { index ... on TextPart { text } } }'],
  ])('is what execution gives: %s', async (_what, selection) => {
    const query = `subscription ($yes: Boolean = true, $no: Boolean = false) {
      event: conversationEvents(conversationId: "x") { ${selection} } }`
    const used = query.includes('$yes)') || query.includes('$no)')
    const document = used ? query : query.replace(/ \(\$yes.*?\)/, '')
    const fast = await results(document, {}, true)
    const slow = await results(document, {}, false)
    expect(fast.all).toEqual(slow.all)
    expect(slow.sent).toBe(0)
    expect(fast.sent).toBe(3)
  })

  test('is written again where other variables select something else', async () => {
    const query = `subscription ($yes: Boolean!) {
      event: conversationEvents(conversationId: "x") { seq @include(if: $yes) ... on PartDelta { text } } }`
    for (const yes of [true, false]) {
      const { all } = await results(query, { yes }, true)
      expect(all).toEqual((await results(query, { yes }, false)).all)
    }
  })
})

test('what was read for an operation that is aborted is sent no more', async () => {
  const operation = newOperation()
  const sent: string[] = []
  operation.send = (result) => {
    sent.push(result)
    operation.abort()
    return null
  }
  const query = 'subscription { conversationEvents(conversationId: "x") { seq } }'
  for await (const result of await subscribeTo(query, {}, operation)) sent.push(JSON.stringify(result))
  expect(sent).toHaveLength(1)
})
