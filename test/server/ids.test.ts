import { expect, test } from 'vitest'
import { isUuid, newId } from '../../src/server/ids.ts'

test('ids are UUIDs of version 7 that sort as they were made, more of them than a millisecond counts', () => {
  const before = Date.now()
  const ids = Array.from({ length: 20_000 }, () => newId())
  expect(ids.filter((id) => !isUuid(id) || !/^.{14}7.{4}[89ab]/.test(id))).toEqual([])
  expect(ids.toSorted()).toEqual(ids)
  expect(new Set(ids).size).toBe(ids.length)
  expect(Number.parseInt(ids[0]!.replace('-', '').slice(0, 12), 16)).toBeGreaterThanOrEqual(before)
})
