/** Whether `npm run test:soak` runs, which has hours, and not `npm test`, which has seconds. */
const isLong = import.meta.env.MODE === 'soak'

/** How much of a proof is run: `few` by `npm test`, `many` by `npm run test:soak`, or what `SOAK_<name>` says. */
export function amount(name: string, { few, many }: { few: number; many: number }): number {
  return Number(process.env[`SOAK_${name}`] ?? (isLong ? many : few))
}

/** Of a proof that takes so long: far more than it takes on a busy machine. */
export const patient = { timeout: isLong ? 6 * 3_600_000 : 600_000 }
