import { useSyncExternalStore } from 'react'

/** A value outside React that components can follow. */
export type ExternalStore<T> = {
  get(): T
  set(value: T): void
  subscribe(listener: () => void): () => void
}

export function createStore<T>(initial: T): ExternalStore<T> {
  const listeners = new Set<() => void>()
  let current = initial
  return {
    get: () => current,
    set(value) {
      if (Object.is(value, current)) return
      current = value
      for (const listener of listeners) listener()
    },
    subscribe(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
}

export function useStore<T>(store: Pick<ExternalStore<T>, 'get' | 'subscribe'>): T {
  return useSyncExternalStore(store.subscribe, store.get)
}

/** A piece of a store's value; the component is drawn again only when the piece is another one. */
export function useSelected<T, Piece>(
  store: Pick<ExternalStore<T>, 'get' | 'subscribe'>,
  select: (value: T) => Piece,
): Piece {
  return useSyncExternalStore(store.subscribe, () => select(store.get()))
}
