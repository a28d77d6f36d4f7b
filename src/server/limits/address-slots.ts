/** How many connections of one remote address are open. */
export type AddressSlots = {
  /** Takes a slot and returns what gives it back; null where the address has none left. */
  take(address: string): (() => void) | null
}

/** At most `limit` slots per address. Loopback has as many as it likes: that is the machine's own user. */
export function createAddressSlots(limit: number): AddressSlots {
  const taken = new Map<string, number>()
  return {
    take(address) {
      const count = taken.get(address) ?? 0
      if (count >= limit && !isLoopback(address)) return null
      taken.set(address, count + 1)
      let open = true
      return () => {
        if (open) giveBack(taken, address)
        open = false
      }
    },
  }
}

function giveBack(taken: Map<string, number>, address: string): void {
  const left = (taken.get(address) ?? 0) - 1
  if (left > 0) taken.set(address, left)
  else taken.delete(address)
}

function isLoopback(address: string): boolean {
  return address === '::1' || /^127\.\d+\.\d+\.\d+$/.test(address)
}
