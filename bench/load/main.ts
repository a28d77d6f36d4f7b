import { type Asking, type Dialect, Group } from './group.ts'
import { createConversations } from './idle.ts'

/** The process in which the clients run: does what the runner calls, by the name of the method. */
const groups = new Map<number, Group>()

const methods = {
  open: async ({ dialect, url, readers }: { dialect: Dialect; url: string; readers: number }) =>
    keep(await Group.open(dialect, url, readers)),
  openRoom: async ({ dialect, url, watchers }: { dialect: Dialect; url: string; watchers: number }) =>
    keep(await Group.openRoom(dialect, url, watchers)),
  createConversations: ({ url, count }: { url: string; count: number }) => createConversations(url, count),
  openIdle: async ({ url, ids }: { url: string; ids: readonly string[] }) =>
    keep(await Group.openIdle(url, ids)),
  ask: ({ group, ...asking }: Asking & { group: number }) => groups.get(group)!.ask(asking),
  take: async ({ group }: { group: number }) => groups.get(group)!.take(),
  stall: async ({ group }: { group: number }) => groups.get(group)!.stall(),
  resume: async ({ group }: { group: number }) => groups.get(group)!.resume(),
  close: async ({ group }: { group: number }) => groups.get(group)!.close(),
}

function keep(group: Group): number {
  const id = groups.size
  groups.set(id, group)
  return id
}

/** What can be called. */
export type LoadMethods = typeof methods

export type Call = { readonly id: number; readonly method: keyof LoadMethods; readonly argument: never }
export type Reply = { readonly id: number; readonly result?: unknown; readonly error?: string }

process.on('disconnect', () => process.exit())
process.on('message', ({ id, method, argument }: Call) => {
  const reply = (reply: Omit<Reply, 'id'>) => process.send?.({ id, ...reply } satisfies Reply)
  const call: (argument: never) => Promise<unknown> = methods[method]
  call(argument).then(
    (result) => reply({ result }),
    (error) => reply({ error: String(error) }),
  )
})
