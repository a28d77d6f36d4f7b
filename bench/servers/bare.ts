import type { Place } from './parley.ts'
import { lineWith, type Program, startProgram } from './process.ts'

/** Starts the `executable` that bench/bare is built into on the data of a Parley that does not run. */
export async function startBare(
  executable: string,
  place: Place,
): Promise<Program & { readonly url: string }> {
  const program = startProgram(executable, [], { PORT: '0', ...place.settings })
  return { ...program, url: `http://127.0.0.1:${await lineWith(program, /listening on (\d+)/)}` }
}
