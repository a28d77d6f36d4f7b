import { expect, test } from 'vitest'
import { groupByAge } from '../../src/client/sidebar/groups.ts'

test('conversations are listed under the age that people remember', () => {
  const now = new Date(2026, 2, 15, 9, 30)
  const at = (days: number, hour: number) => ({ updatedAt: new Date(2026, 2, 15 - days, hour).toISOString() })
  const items = [at(0, 8), at(1, 23), at(1, 0), at(3, 12), at(7, 12), at(20, 12), at(300, 12)]
  expect(groupByAge(items, now).map(({ name, items: group }) => [name, group.length])).toEqual([
    ['Today', 1],
    ['Yesterday', 2],
    ['Last 7 days', 2],
    ['Last 30 days', 1],
    ['Older', 1],
  ])
})
