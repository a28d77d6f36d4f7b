import { createStore, useStore } from './external-store.ts'

/** The page has two addresses: `/` for a conversation that does not exist yet, and `/chat/<id>`. */
export type Route = { readonly conversationId: string | null }

const route = createStore<Route>(readRoute())

window.addEventListener('popstate', () => route.set(readRoute()))

export function useRoute(): Route {
  return useStore(route)
}

export function pathOf(conversationId: string | null): string {
  return conversationId === null ? '/' : `/chat/${encodeURIComponent(conversationId)}`
}

/** Shows a conversation, or the start of a new one. `replace`: the address before is not one to go back to. */
export function navigate(conversationId: string | null, { replace = false } = {}): void {
  if (conversationId === route.get().conversationId) return
  history[replace ? 'replaceState' : 'pushState'](null, '', pathOf(conversationId))
  route.set({ conversationId })
}

function readRoute(): Route {
  const [, id] = /^\/chat\/([^/]+)\/?$/.exec(location.pathname) ?? []
  return { conversationId: id === undefined ? null : decodeURIComponent(id) }
}
