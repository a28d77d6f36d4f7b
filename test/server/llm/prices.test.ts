import { expect, test } from 'vitest'
import { perMillion } from '../../../src/server/llm/prices.ts'

test.each([
  ['0.000003', '3'],
  ['0.0000005', '0.5'],
  ['0.00000010000', '0.1'],
  ['0', '0'],
  ['0.0', '0'],
  ['1', '1000000'],
  ['12.3456789', '12345678.9'],
  ['0.000000000001', '0.000001'],
])('a token for $%s is $%s for a million, exactly', (price, expected) => {
  expect(perMillion(price)).toBe(expected)
})

test.each(['-1', '', 'free', '1e-6', 'NaN', null, undefined, 3])('%j is no price', (price) => {
  expect(perMillion(price)).toBeNull()
})
