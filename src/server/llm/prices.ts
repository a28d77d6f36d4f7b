/** US dollars for a million tokens, as exact decimals; null: unknown. */
export type Prices = {
  readonly input: string | null
  readonly output: string | null
  readonly cacheRead: string | null
  readonly cacheWrite: string | null
}

/** A price of one token, as gateways list it, for a million of them; null for what is no price, as `-1` ("it depends"). */
export function perMillion(price: unknown): string | null {
  const match = typeof price === 'string' ? /^(\d{1,15})(?:\.(\d{1,30}))?$/.exec(price) : null
  if (!match) return null
  const [, whole = '', fraction = ''] = match
  const digits = fraction.padEnd(6, '0')
  const shifted = `${whole}${digits.slice(0, 6)}`.replace(/^0+(?=\d)/, '')
  const rest = digits.slice(6).replace(/0+$/, '')
  return rest === '' ? shifted : `${shifted}.${rest}`
}
