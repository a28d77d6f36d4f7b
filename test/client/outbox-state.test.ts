import { describe, expect, test } from 'vitest'
import {
  abandoned,
  added,
  cleared,
  delivered,
  emptyOutbox,
  failed,
  itemsAt,
  made,
  movedOn,
  nextAt,
  type OutboxChange,
  type OutboxItem,
  type OutboxState,
  type Problem,
  retried,
  reworded,
  withdrawn,
} from '../../src/client/outbox/outbox-state.ts'

function item(key: string, more: Partial<OutboxItem> = {}): OutboxItem {
  return {
    key,
    kind: 'send',
    place: 'c1',
    origin: null,
    askedAt: 0,
    after: null,
    parentId: 'a1',
    headId: 'a1',
    targetId: null,
    text: key,
    modelId: null,
    problem: null,
    ...more,
  }
}

/** Begins a conversation that does not exist yet. */
function first(key: string, more: Partial<OutboxItem> = {}): OutboxItem {
  return item(key, { place: 'new-1', origin: { place: 'new-1', key: 'make-1' }, parentId: null, ...more })
}

function after(...changes: OutboxChange[]): OutboxState {
  return changes.reduce((state, change) => change(state), emptyOutbox)
}

const add =
  (...items: OutboxItem[]): OutboxChange =>
  (state) =>
    items.reduce(added, state)
const refused: Problem = { code: 'INVALID', reason: 'Too long', final: true }
const away: Problem = { code: null, reason: 'The server cannot be reached', final: false }
const keys = (state: OutboxState): string[] => state.items.map(({ key }) => key)
const next = (state: OutboxState, place = 'c1'): string | undefined =>
  nextAt(state, place, (id) => id === 'running')?.key

test('what follows an answer that goes on in another message follows that one, as if said just now', () => {
  const state = after(
    add(item('m1'), item('m2', { after: 'm1', parentId: null })),
    (held) => failed(held, 'm1', away, 'unused'),
    (held) => movedOn(held, 'm1', 'running'),
  )
  expect(state.items[0]).toMatchObject({ parentId: 'running', headId: 'running', problem: null })
  expect(next(state)).toBeUndefined()
})

describe('a queue', () => {
  const queue = after(
    add(item('m1'), item('m2', { after: 'm1', parentId: null }), item('m3', { after: 'm2' })),
  )

  test('is sent in order, each item under the answer to the one before it', () => {
    expect(next(queue)).toBe('m1')
    const on = delivered(queue, 'm1', 'a2')
    expect(keys(on)).toEqual(['m2', 'm3'])
    expect(on.items[0]).toMatchObject({ after: null, parentId: 'a2', headId: 'a2' })
    expect(next(on)).toBe('m2')
  })

  test('waits for an answer that is being written', () => {
    expect(next(after(add(item('m1', { parentId: 'running' }))))).toBeUndefined()
  })

  test('is held up by what was refused, and goes on in its place when that is withdrawn', () => {
    const held = failed(queue, 'm1', refused, 'k')
    expect(next(held)).toBeUndefined()
    const on = withdrawn(held, 'm1')
    expect(on.items[0]).toMatchObject({ key: 'm2', after: null, parentId: 'a1' })
    expect(next(on)).toBe('m2')
  })

  test('goes on in order when one is taken out of its middle', () => {
    expect(withdrawn(queue, 'm2').items[1]).toMatchObject({ key: 'm3', after: 'm1' })
  })

  test('on one branch does not wait for one on another', () => {
    expect(next(after(add(item('m1', { parentId: 'running' }), item('m2', { parentId: 'a0' }))))).toBe('m2')
  })

  test('knows nothing twice, and nothing that it does not have', () => {
    expect(added(queue, item('m1', { text: 'again' }))).toBe(queue)
    for (const change of [delivered(queue, 'x', 'a'), withdrawn(queue, 'x'), failed(queue, 'x', away, 'k')])
      expect(change).toBe(queue)
  })
})

describe('an item', () => {
  test('that may pass by itself stays next, one that is refused does not until it is tried again or reworded', () => {
    const tried = after(add(item('m1')), (state) => failed(state, 'm1', away, 'k'))
    expect(next(tried)).toBe('m1')
    const stuck = failed(tried, 'm1', refused, 'k')
    expect(next(stuck)).toBeUndefined()
    expect(next(reworded(stuck, 'm1', 'short'))).toBe('m1')
    expect(retried(stuck, 'm1', 'k', 7).items[0]).toMatchObject({ key: 'm1', askedAt: 7, problem: null })
  })

  test('that was reworded after the server had taken it gets another key, and is still followed by its queue', () => {
    const mismatch: Problem = { code: 'IDEMPOTENCY_MISMATCH', reason: 'Used', final: true }
    const state = after(add(first('m1', { place: 'c9' }), item('m2', { after: 'm1', place: 'c9' })), (held) =>
      failed(held, 'm1', mismatch, 'k'),
    )
    expect(state.leftovers).toEqual([])
    const again = retried(state, 'm1', 'fresh', 7)
    expect(again.items.map(({ key, after }) => [key, after])).toEqual([
      ['fresh', null],
      ['m2', 'fresh'],
    ])
    expect(withdrawn(again, 'fresh').leftovers).toEqual([])
  })

  test('of a conversation that the viewer deletes goes with it', () => {
    expect(keys(abandoned(after(add(item('m1'), item('m2', { place: 'c2' }))), 'c1'))).toEqual(['m2'])
  })
})

describe('a conversation that a message begins', () => {
  const begun = after(add(first('m1'), first('m2', { after: 'm1' })))
  const there = made(begun, 'new-1', 'c9')

  test('is where all of it is said once it is made, and stays once it has a message', () => {
    expect(itemsAt(there, 'c9').length).toBe(2)
    const on = delivered(there, 'm1', 'a1')
    expect(on.items[0]!.origin).toBeNull()
    expect(withdrawn(on, 'm2')).toEqual(emptyOutbox)
  })

  test('is deleted when its first message is refused, and would be made anew under another key', () => {
    const state = failed(there, 'm1', refused, 'make-2')
    expect(state.leftovers).toEqual(['c9'])
    for (const each of state.items)
      expect(each).toMatchObject({ place: 'new-1', origin: { place: 'new-1', key: 'make-2' } })
    expect(cleared(state, 'c9').leftovers).toEqual([])
  })

  test('is deleted when nothing is left that was to be said in it', () => {
    const rest = withdrawn(there, 'm1')
    expect(rest.leftovers).toEqual([])
    expect(withdrawn(rest, 'm2')).toEqual({ items: [], leftovers: ['c9'] })
  })

  test('stays while its first message only waits for the server', () => {
    expect(failed(there, 'm1', away, 'k').leftovers).toEqual([])
  })

  test('that was never made leaves nothing behind', () => {
    expect(withdrawn(after(add(first('m1'))), 'm1')).toEqual(emptyOutbox)
    expect(failed(begun, 'm1', refused, 'k').leftovers).toEqual([])
  })
})
