import { setTimeout as delay } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { createAddressSlots } from '../../../src/server/limits/address-slots.ts'
import { createRateWindow } from '../../../src/server/limits/rate-window.ts'

test('a rate counts each key by itself, and starts anew with each window', async () => {
  const window = createRateWindow(2, 50)
  expect([window.take('a'), window.take('a'), window.take('a'), window.take('b')]).toEqual([
    true,
    true,
    false,
    true,
  ])
  expect([window.isSpent('a'), window.isSpent('b'), window.isSpent('c')]).toEqual([true, false, false])
  await delay(60)
  expect(window.take('a')).toBe(true)
})

test('a slot that is given back twice is given back once', () => {
  const slots = createAddressSlots(2)
  const first = slots.take('203.0.113.1')
  const second = slots.take('203.0.113.1')
  expect(slots.take('203.0.113.1')).toBeNull()
  first?.()
  first?.()
  expect(slots.take('203.0.113.1')).not.toBeNull()
  expect(slots.take('203.0.113.1')).toBeNull()
  second?.()
  expect(slots.take('203.0.113.1')).not.toBeNull()
})

test('loopback has as many slots as it likes', () => {
  const slots = createAddressSlots(0)
  for (const address of ['127.0.0.1', '127.1.2.3', '::1']) expect(slots.take(address)).not.toBeNull()
  for (const address of ['128.0.0.1', '::2', 'localhost', '']) expect(slots.take(address)).toBeNull()
})
