import type { Target } from '../servers/target.ts'
import { cpuOf } from './cpu.ts'

/** Microseconds of processor time: of the target's process, and of its database's server. */
export type Used = { readonly own: number; readonly database: number }

/** Begins to measure `target`; the returned function says what it has used since. */
export function meter(target: Target): () => Used {
  const began = usedBy(target)
  return () => {
    const { own, database } = usedBy(target)
    return { own: own - began.own, database: database - began.database }
  }
}

function usedBy({ pid, databasePid }: Target): Used {
  return { own: cpuOf(pid), database: databasePid === null ? 0 : cpuOf(databasePid) }
}
