export type Group<T> = { readonly name: string; readonly items: readonly T[] }

/** Cuts a list, newest first, into what people remember: today, yesterday, the week, the month, before. */
export function groupByAge<T extends { readonly updatedAt: string }>(
  items: readonly T[],
  now: Date = new Date(),
): Group<T>[] {
  const groups: { name: string; items: T[] }[] = []
  for (const item of items) {
    const name = ageOf(new Date(item.updatedAt), now)
    const last = groups.at(-1)
    if (last?.name === name) last.items.push(item)
    else groups.push({ name, items: [item] })
  }
  return groups
}

function ageOf(date: Date, now: Date): string {
  const days = Math.round((startOfDay(now) - startOfDay(date)) / 86_400_000)
  if (days <= 0) return 'Today'
  if (days === 1) return 'Yesterday'
  if (days <= 7) return 'Last 7 days'
  return days <= 30 ? 'Last 30 days' : 'Older'
}

function startOfDay(date: Date): number {
  return new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime()
}
