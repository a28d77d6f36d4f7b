import {
  createClient,
  type FormattedExecutionResult,
  type Client as SocketClient,
  type SubscribePayload,
} from 'graphql-ws/client'
import { createStore, type ExternalStore } from './external-store.ts'
import { onReturn } from './on-return.ts'
import { retryWait } from './retry-wait.ts'

/**
 * `idle`: nothing is followed, so no socket is needed. `denied`: the server wants the access token; nothing is tried
 * again until the page has it.
 */
export type ConnectionState = 'idle' | 'connecting' | 'open' | 'waiting' | 'denied'

export type Connection = {
  readonly state: ExternalStore<ConnectionState>
  /** Follows a subscription for as long as the server has it, over any number of sockets; see {@link resuming}. */
  subscribe: SocketClient['subscribe']
}

/** Milliseconds. */
const timers = {
  connecting: 10_000,
  ping: 10_000,
  pong: 5_000,
  wakePong: 500,
}
const closedByUs = 1000
const unauthorized = 4401

function stateAfter(code: number): ConnectionState {
  if (code === closedByUs) return 'idle'
  return code === unauthorized ? 'denied' : 'waiting'
}

/**
 * The page's one socket: opened for the first subscription, opened again for ever when it breaks, at once when the
 * browser comes back online or the page into view.
 */
export function connect(url: string): Connection {
  const state = createStore<ConnectionState>('idle')
  const retry = retryWait()
  const watch = liveness()
  const socket = createClient({
    url,
    retryAttempts: Number.POSITIVE_INFINITY,
    shouldRetry: () => true,
    retryWait: retry.wait,
    keepAlive: timers.ping,
    lazyCloseTimeout: 5_000,
    on: {
      connecting() {
        state.set('connecting')
        watch.expect(timers.connecting)
      },
      opened: (opened) => watch.opened(opened as WebSocket),
      connected: () => state.set('open'),
      message: () => watch.heard(),
      ping: (received) => received || watch.expect(timers.pong),
      closed(event) {
        watch.closed()
        state.set(stateAfter((event as CloseEvent).code))
      },
    },
  })
  const reconnect = (): void => {
    retry.skip()
    socket.terminate()
  }
  watch.onSilence(reconnect)
  onReturn((slept) => {
    const isConnected = state.get() === 'open' || state.get() === 'connecting'
    if (!isConnected) retry.skip()
    else if (slept) reconnect()
    else watch.probe(timers.wakePong)
  })
  return {
    state,
    subscribe(payload, sink) {
      const own: Resumable = { ...payload }
      return socket.subscribe(own, resuming(own, sink))
    },
  }
}

type Sink<Data, Extensions> = {
  next(result: FormattedExecutionResult<Data, Extensions>): void
  error(error: unknown): void
  complete(): void
}
type Resumable = Omit<SubscribePayload, 'variables'> & { variables?: SubscribePayload['variables'] }

/**
 * graphql-ws subscribes again with the very payload that it was given once: it learns the last cursor here, so that
 * a new socket goes on exactly where the old one ended.
 */
function resuming<Data, Extensions>(
  payload: Resumable,
  sink: Sink<Data, Extensions>,
): Sink<Data, Extensions> {
  return {
    ...sink,
    next(result) {
      const [event] = Object.values(result.data ?? {}) as ({ cursor?: string } | null)[]
      if (event?.cursor) payload.variables = { ...payload.variables, after: event.cursor }
      sink.next(result)
    },
  }
}

/** A socket can be dead without a word, as after sleep: whoever expects an answer and hears nothing says so. */
function liveness() {
  let socket: WebSocket | null = null
  let timer: ReturnType<typeof setTimeout> | undefined
  let silence = (): void => {}
  const stop = (): void => {
    clearTimeout(timer)
    timer = undefined
  }
  const expect = (within: number): void => {
    stop()
    timer = setTimeout(() => silence(), within)
  }
  return {
    expect,
    heard: stop,
    opened(opened: WebSocket) {
      socket = opened
    },
    closed() {
      socket = null
      stop()
    },
    probe(within: number) {
      if (socket?.readyState !== WebSocket.OPEN) return
      socket.send('{"type":"ping"}')
      expect(within)
    },
    onSilence(listener: () => void) {
      silence = listener
    },
  }
}
