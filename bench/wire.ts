/**
 * What upstream and readers have in common: a prompt is a {@link Question} as JSON, and every token of the answer says
 * which one it is and when the upstream wrote it. Numbers are in base 36; times are microseconds, cut to six digits.
 */

/** What an upstream is asked for. */
export type Question = {
  readonly tokens: number
  /** Whole milliseconds from one token to the next; 0: as fast as they are taken. */
  readonly pace: number
  /** Digits of a token's number, at the least: 1 where nothing is said. */
  readonly digits?: number
}

const clockOffset = measureClockOffset()

/** Between the two clocks below, as the quickest of some tries has it: the first one takes a millisecond. */
function measureClockOffset(): number {
  const tries = Array.from({ length: 20 }, () => {
    const before = performance.now()
    const common = Number(process.hrtime.bigint()) / 1_000
    const after = performance.now()
    return { took: after - before, offset: common - before * 1_000 }
  })
  return tries.toSorted((one, other) => one.took - other.took)[0]!.offset
}

/** Microseconds on a clock that all processes of this machine share. */
export function now(): number {
  return performance.now() * 1_000 + clockOffset
}

/** How many microseconds six digits hold: 36 minutes. */
const clockRange = 36 ** 6

/** A time as tokens carry it. */
export function cutTime(time: number): number {
  return Math.floor(time) % clockRange
}

/** Microseconds from a time that a token carries to `time`; clocks may differ by a few. */
export function since(cut: number, time: number): number {
  const passed = cutTime(time) - cut
  return passed < -clockRange / 2 ? passed + clockRange : passed
}

/** A token as the upstream writes it. The first one also says when the request had arrived. */
export function tokenText(number: number, written: string, arrived: string, digits = 1): string {
  const text = `${number.toString(36).padStart(digits, '0')}:${written}`
  return number === 1 ? `${text}:${arrived} ` : `${text} `
}
