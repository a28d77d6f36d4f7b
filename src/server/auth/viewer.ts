import type { ViewerId } from '../ids.ts'

/** Who an operation acts for, as every transport hands it to the schema. */
export type Viewer = {
  readonly id: ViewerId
  /** Portable, stable name: what a message's hash knows of its author. */
  readonly handle: string
}
