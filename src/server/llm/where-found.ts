import { connect } from 'node:net'
import type { ChatProvider } from './provider.ts'

/**
 * A provider that nobody set up: it has models while something listens at `url`, none otherwise, and is loaded only
 * then.
 */
export function whereFound(
  { name, label }: { readonly name: string; readonly label: string },
  url: string,
  load: () => Promise<ChatProvider>,
): ChatProvider {
  let loading: Promise<ChatProvider> | null = null
  const loaded = () => (loading ??= load())
  return {
    name,
    displayName: label,
    knownModels: [],
    listModels: async (signal) => {
      const isThere = await listens(url, signal)
      signal.throwIfAborted()
      return isThere ? (await loaded()).listModels(signal) : []
    },
    stream: async function* (request, signal) {
      yield* (await loaded()).stream(request, signal)
    },
  }
}

/** Milliseconds for a connection to what is most likely this very machine. */
const patience = 1_000

function listens(url: string, signal: AbortSignal): Promise<boolean> {
  const { hostname, port, protocol } = new URL(url)
  const usualPort = protocol === 'https:' ? 443 : 80
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const socket = connect({
    host: hostname.replace(/^\[(.*)\]$/, '$1'),
    port: Number(port) || usualPort,
    signal: AbortSignal.any([signal, AbortSignal.timeout(patience)]),
  })
  socket.once('connect', () => resolve(true))
  socket.once('error', () => resolve(false))
  return promise.finally(() => socket.destroy())
}
