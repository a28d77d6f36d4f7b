import { createStore, keys, type UseStore } from 'idb-keyval'

/** Milliseconds in which a database that can be used opens. */
const patience = 1_000

/**
 * The page's place in IndexedDB, which all its tabs share; null where the browser forbids it or does not answer: what
 * is kept then lives as long as the tab.
 */
export async function openDisk(): Promise<UseStore | null> {
  const disk = createStore('parley', 'page')
  const late = new Promise<null>((resolve) => setTimeout(() => resolve(null), patience))
  const opened = (async () => {
    await keys(disk)
    return disk
  })()
  return Promise.race([opened, late]).catch(() => null)
}
