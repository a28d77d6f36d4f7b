import { createStore, useStore } from './external-store.ts'
import type { Place } from './outbox/place.ts'

/** The page has two addresses: `/`, where nothing has been said yet, and `/chat/<place>`. */
export type Route = { readonly place: Place | null }

const route = createStore<Route>(readRoute())

window.addEventListener('popstate', () => route.set(readRoute()))

export function useRoute(): Route {
  return useStore(route)
}

export function pathOf(place: Place | null): string {
  return place === null ? '/' : `/chat/${encodeURIComponent(place)}`
}

/** Shows a conversation, or the start of a new one. `replace`: the address before is not one to go back to. */
export function navigate(place: Place | null, { replace = false } = {}): void {
  if (place === route.get().place) return
  history[replace ? 'replaceState' : 'pushState'](null, '', pathOf(place))
  route.set({ place })
}

function readRoute(): Route {
  const [, id] = /^\/chat\/([^/]+)\/?$/.exec(location.pathname) ?? []
  return { place: id === undefined ? null : decodeURIComponent(id) }
}
