import { nextTick } from 'node:process'

/** Reads that several ask for at once, done once for all of them. */
export class SharedReads {
  readonly #gathering = new Map<string, Promise<unknown>>()

  /**
   * Does `read` for everybody who asks for `key` before the code that runs now has come to its end. It begins only then,
   * so that nobody is given what was read before they asked. `key` tells all that the result depends on, the viewer
   * included, and what kind of result that is; it belongs to several, who must not change it.
   */
  once<T>(key: string, read: () => Promise<T>): Promise<T> {
    const gathering = this.#gathering.get(key)
    if (gathering) return gathering as Promise<T>
    const { promise, resolve } = Promise.withResolvers<T>()
    this.#gathering.set(key, promise)
    nextTick(() => {
      this.#gathering.delete(key)
      resolve(read())
    })
    return promise
  }
}
