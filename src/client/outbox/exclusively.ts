/** Names that this tab has, for pages that the browser gives no locks to: those that are served over plain HTTP. */
const taken = new Set<string>()

/** Runs `task` while nobody else has `name`, in this tab or another one; null, at once, when somebody does. */
export async function exclusively<T>(name: string, task: () => Promise<T>): Promise<T | null> {
  const { locks } = navigator as { locks?: LockManager }
  if (locks) return locks.request(name, { ifAvailable: true }, (lock) => (lock ? task() : null))
  if (taken.has(name)) return null
  taken.add(name)
  return task().finally(() => taken.delete(name))
}

/** Takes `name` until the returned function is called, or the tab is gone; null when somebody else has it. */
export async function hold(name: string): Promise<(() => void) | null> {
  return new Promise((resolve) => {
    const task = (): Promise<void> => new Promise((release) => resolve(release))
    void exclusively(name, task).then(() => resolve(null))
  })
}

/** The name of the right to send an item, or to change it. */
export function itemLock(key: string): string {
  return `parley:${key}`
}
