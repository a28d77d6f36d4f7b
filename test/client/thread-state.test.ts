import { describe, expect, test } from 'vitest'
import { stayWhereSaid } from '../../src/client/conversation/queue.ts'
import {
  addMessages,
  applyEvent,
  applySnapshot,
  earlierThan,
  emptyThread,
  followHead,
  leafBelow,
  type Message,
  noteHead,
  runningLeaf,
  showLeaf,
  siblingsOf,
  type ThreadEvent,
  type ThreadState,
  threadOf,
} from '../../src/client/conversation/thread-state.ts'
import type { OutboxItem } from '../../src/client/outbox/outbox-state.ts'

type Draft = { parent?: string; siblings?: string[]; status?: Message['status']; text?: string }

function message(id: string, { parent, siblings, status = 'COMPLETED', text = id }: Draft = {}): Message {
  return {
    id,
    role: id.startsWith('q') ? 'USER' : 'ASSISTANT',
    isContinuation: false,
    status,
    createdAt: '2026-01-01T00:00:00Z',
    parents: parent === undefined ? [] : [{ id: parent }],
    siblings: (siblings ?? [id]).map((each) => ({ id: each })),
    parts: text === '' ? [] : [{ __typename: 'TextPart', index: 0, text }],
    model: null,
    generation: null,
  }
}

const unsent: OutboxItem = {
  key: 'k',
  kind: 'send',
  place: 'c',
  origin: null,
  askedAt: 0,
  after: null,
  parentId: null,
  headId: null,
  targetId: null,
  text: 'Late',
  modelId: null,
  problem: null,
}

const meta = { cursor: 'c' }

function delta(messageId: string, offset: number, text: string): ThreadEvent {
  const place = { partIndex: 0, revision: 0, kind: 'TEXT' as const, offset }
  return { __typename: 'PartDelta', ...meta, messageId, ...place, text }
}

function changed(of: Message): ThreadEvent {
  return { __typename: 'MessageChanged', ...meta, clientMutationId: null, message: of }
}

function finished(of: Message): ThreadEvent {
  return { __typename: 'GenerationFinished', ...meta, generation: { id: `g-${of.id}`, message: of } }
}

function moved(head: string): ThreadEvent {
  const conversation = { id: 'c', title: '', updatedAt: '', defaultModel: null, head: { id: head } }
  return { __typename: 'ConversationChanged', ...meta, clientMutationId: null, conversation }
}

function after(state: ThreadState, ...events: ThreadEvent[]): ThreadState {
  return events.reduce((held, event) => {
    const next = applyEvent(held, event, false)
    if (next === 'resync') throw new Error('resync')
    return next
  }, state)
}

const ids = (state: ThreadState): string[] => threadOf(state).map(({ id }) => id)
const liveText = (state: ThreadState, id: string): string | undefined => state.live.get(id)?.[0]?.text

const asked = applySnapshot(emptyThread, {
  messages: [message('q1'), message('a1', { parent: 'q1' })],
  headId: 'a1',
})

describe('an answer that streams in', () => {
  const begun = after(
    asked,
    changed(message('q2', { parent: 'a1' })),
    changed(message('a2', { parent: 'q2', status: 'PENDING', text: '' })),
    moved('a2'),
  )

  test('appears where the head went', () => {
    expect(ids(begun)).toEqual(['q1', 'a1', 'q2', 'a2'])
    expect(runningLeaf(begun)?.id).toBe('a2')
  })

  test('grows by its deltas and ends with the message that the last event carries', () => {
    const grown = after(begun, delta('a2', 0, 'Hel'), delta('a2', 3, 'lo'), delta('a2', 0, 'Hel'))
    expect(liveText(grown, 'a2')).toBe('Hello')
    const done = after(grown, finished(message('a2', { parent: 'q2', text: 'Hello!' })))
    expect(liveText(done, 'a2')).toBeUndefined()
    expect(threadOf(done).at(-1)?.parts).toEqual([{ __typename: 'TextPart', index: 0, text: 'Hello!' }])
  })

  test('is not taken back by what was true before it ended', () => {
    const done = after(begun, finished(message('a2', { parent: 'q2', text: 'Hello!' })))
    const late = after(
      done,
      changed(message('a2', { parent: 'q2', status: 'STREAMING' })),
      delta('a2', 0, 'H'),
    )
    expect(threadOf(late).at(-1)?.status).toBe('COMPLETED')
    expect(liveText(late, 'a2')).toBeUndefined()
  })

  test('begins with what a read has of it, and may be sent that again', () => {
    const read = applySnapshot(emptyThread, {
      messages: [message('q1'), message('a1', { parent: 'q1', status: 'STREAMING', text: 'Hello' })],
      headId: 'a1',
    })
    expect(liveText(read, 'a1')).toBe('Hello')
    expect(liveText(after(read, delta('a1', 2, 'llo, w'), delta('a1', 8, 'orld')), 'a1')).toBe('Hello, world')
  })

  test('has to be read again where text is missing', () => {
    expect(applyEvent(begun, delta('a2', 5, 'x'), false)).toBe('resync')
  })

  test('on a branch that was never read is left alone', () => {
    expect(after(begun, delta('elsewhere', 5, 'x'))).toBe(begun)
  })

  test('and was missed while away is forgotten when it is no longer part of what is read', () => {
    const again = applySnapshot(begun, {
      messages: [message('q1'), message('a1', { parent: 'q1' })],
      headId: 'a1',
    })
    expect(again.messages.has('a2')).toBe(false)
    expect(ids(again)).toEqual(['q1', 'a1'])
  })
})

describe('branches', () => {
  const edited = after(
    asked,
    changed(message('q1b', { siblings: ['q1', 'q1b'] })),
    changed(message('a1b', { parent: 'q1b' })),
    moved('a1b'),
  )

  test('an edit is a sibling that the thread goes through from then on', () => {
    expect(ids(edited)).toEqual(['q1b', 'a1b'])
    expect(siblingsOf(edited, edited.messages.get('q1b')!)).toEqual(['q1', 'q1b'])
    expect(siblingsOf(edited, edited.messages.get('q1')!)).toEqual(['q1', 'q1b'])
  })

  test('the other version is shown again with all that was below it', () => {
    expect(leafBelow(edited, 'q1')).toBe('a1')
    expect(ids(showLeaf(edited, 'a1'))).toEqual(['q1', 'a1'])
  })

  test('going back ends where the viewer was, not at the newest leaf', () => {
    const regenerated = after(
      asked,
      changed(message('a1x', { parent: 'q1', siblings: ['a1', 'a1x'] })),
      changed(message('q2', { parent: 'a1' })),
      changed(message('a2', { parent: 'q2' })),
      changed(message('a2x', { parent: 'q2', siblings: ['a2', 'a2x'] })),
    )
    const was = showLeaf(showLeaf(regenerated, 'a2'), 'a1x')
    expect(leafBelow(was, 'a1')).toBe('a2')
  })

  test('where a branch ends that was never read only the server can tell', () => {
    expect(leafBelow(edited, 'unknown')).toBeNull()
  })

  test('a send that landed beside the head is shown all the same, until the head moves', () => {
    const beside = showLeaf(noteHead(addMessages(asked, [message('q9', { parent: 'q1' })]), 'a1'), 'q9')
    expect(ids(beside)).toEqual(['q1', 'q9'])
    expect(ids(followHead(beside, 'a1'))).toEqual(['q1', 'q9'])
    expect(ids(after(edited, moved('a1')))).toEqual(['q1', 'a1'])
  })

  test('what goes on from the end of the branch shown is shown before the head is there', () => {
    const on = after(
      asked,
      changed(message('q2', { parent: 'a1' })),
      changed(message('a2', { parent: 'q2' })),
    )
    expect(ids(on)).toEqual(['q1', 'a1', 'q2', 'a2'])
    expect(on.headId).toBe('a1')
  })

  test('what this page itself did moves it once, not again when the event comes', () => {
    const there = noteHead(showLeaf(edited, 'a1'), 'a1')
    const echo = applyEvent(there, moved('a1b'), true)
    expect(echo === 'resync' ? [] : ids(echo)).toEqual(['q1', 'a1'])
  })
})

describe('the end of a branch where something was said that is not sent', () => {
  const said: OutboxItem[] = [{ ...unsent, parentId: 'a1' }]
  const others = after(asked, changed(message('q2', { parent: 'a1' })), moved('q2'))

  test('stays in sight when somebody else goes on from there', () => {
    expect(ids(stayWhereSaid(said, asked, others))).toEqual(['q1', 'a1'])
    expect(ids(stayWhereSaid([], asked, others))).toEqual(['q1', 'a1', 'q2'])
  })

  test('moves on with an answer that is continued', () => {
    const goOn = { ...message('q2', { parent: 'a1' }), isContinuation: true }
    const continued = after(asked, changed(goOn), changed(message('a2', { parent: 'q2' })))
    expect(ids(stayWhereSaid(said, asked, continued))).toEqual(['q1', 'a1', 'q2', 'a2'])
  })
})

test('what comes before the first known message is read by its id', () => {
  const tail = applySnapshot(emptyThread, { messages: [message('a5', { parent: 'q5' })], headId: 'a5' })
  expect(earlierThan(tail)).toBe('q5')
  expect(earlierThan(addMessages(tail, [message('q5')]))).toBeNull()
})

test('event types that a newer server has change nothing', () => {
  expect(applyEvent(asked, { __typename: 'SomethingNew', ...meta } as unknown as ThreadEvent, false)).toBe(
    asked,
  )
})
