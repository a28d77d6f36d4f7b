import { type Asking, type Dialect, Group } from './group.ts'

/** The process in which the clients run: does what the runner calls, by the name of the method. */
const groups = new Map<number, Group>()

const methods = {
  async open({ dialect, url, readers }: { dialect: Dialect; url: string; readers: number }): Promise<number> {
    const id = groups.size
    groups.set(id, await Group.open(dialect, url, readers))
    return id
  },
  ask: ({ group, ...asking }: Asking & { group: number }) => groups.get(group)!.ask(asking),
  take: async ({ group }: { group: number }) => groups.get(group)!.take(),
  close: async ({ group }: { group: number }) => groups.get(group)!.close(),
}

/** What can be called. */
export type LoadMethods = typeof methods

export type Call = { readonly id: number; readonly method: keyof LoadMethods; readonly argument: never }
export type Reply = { readonly id: number; readonly result?: unknown; readonly error?: string }

process.on('message', ({ id, method, argument }: Call) => {
  const reply = (reply: Omit<Reply, 'id'>) => process.send?.({ id, ...reply } satisfies Reply)
  const call: (argument: never) => Promise<unknown> = methods[method]
  call(argument).then(
    (result) => reply({ result }),
    (error) => reply({ error: String(error) }),
  )
})
