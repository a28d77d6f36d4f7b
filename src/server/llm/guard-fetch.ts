import * as http from 'node:http'
import * as https from 'node:https'
import type { Socket } from 'node:net'
import { pipeline, type Readable } from 'node:stream'
import { ReadableStream as ByteStream } from 'node:stream/web'
import { TLSSocket } from 'node:tls'
import { createBrotliDecompress, createGunzip, createInflate, createZstdDecompress } from 'node:zlib'
import { chunksOf } from './chunks.ts'
import { ProviderError } from './provider.ts'
import type { Watchdog } from './watchdog.ts'

export type GuardedFetch = (input: string | URL | Request, init?: RequestInit) => Promise<Response>

export type GuardOptions = {
  /** What a successful response has to be. */
  readonly mediaType: 'text/event-stream' | 'application/json'
  /** Takes secrets out of a text of the provider's before it can reach a log. */
  readonly redact: (text: string) => string
  /** What an error response means; `body` is redacted. */
  readonly refuse: (status: number, headers: Headers, body: string) => ProviderError
}

/** Bytes of an error response, or of a response of the wrong type, that are read at most. */
const maxErrorBytes = 64 * 1024
/** How long a complete answer may take to end its response, so that its connection can be used again. */
const lingerMs = 1_000
/** Ends a last frame whose blank line the provider left out: the SDKs would drop it. */
const blankLine = Buffer.from('\n\n')

/**
 * A `fetch` for the SDK of a provider that fails where theirs does not: when nobody connects, answers or goes on
 * in time, when it refuses, when a success is no event stream, when it sends elsewhere. Every failure is told to
 * `watch`, whatever the SDK makes of it. It stands on node:http because that shows the phase in which a connection
 * fails, holds the provider back while nobody reads, and has no timers of its own.
 *
 * `init.signal` is ignored: `watch.signal` ends the request.
 */
export function guardFetch(watch: Watchdog, options: GuardOptions): GuardedFetch {
  return async (input, init = {}) => {
    const url = new URL(input instanceof Request ? input.url : input)
    const incoming = await send(url, init, watch)
    const status = incoming.statusCode ?? 0
    const headers = toHeaders(incoming)
    if (status >= 400 && status <= 599) {
      const body = options.redact(await readSome(incoming, watch))
      throw watch.fail(options.refuse(status, headers, body))
    }
    const mediaType = headers.get('content-type')?.split(';')[0]?.trim().toLowerCase() ?? ''
    if (status === 200 && mediaType === options.mediaType) {
      const bytes = readAll(incoming, watch)
      if (mediaType === 'application/json')
        return new Response(ByteStream.from(bytes) as ReadableStream, { headers })
      const response = new Response(null, { headers })
      bodies.set(response, bytes)
      return response
    }
    const body = options.redact(await readSome(incoming, watch))
    throw watch.fail(unexpected(watch.provider, status, mediaType, body))
  }
}

/** Of the headers that an SDK sets; the others tell of this machine, or come from the environment. */
const keptHeaders = ['accept', 'anthropic-version', 'content-type', 'user-agent']

/** `fetch` for an SDK that authorizes itself with `key`, and with nothing that it finds in the environment. */
export function withBearer(fetch: GuardedFetch, key: string): GuardedFetch {
  return (input, init) => {
    const headers = new Headers(init?.headers)
    for (const name of [...headers.keys()]) if (!keptHeaders.includes(name)) headers.delete(name)
    headers.set('authorization', `Bearer ${key}`)
    return fetch(input, { ...init, headers })
  }
}

const bodies = new WeakMap<Response, AsyncIterable<Uint8Array>>()

/** The body of an event stream, which the response itself does not have: web streams cost more than they give here. */
export function bytesOf(response: Response): AsyncIterable<Uint8Array> {
  const bytes = bodies.get(response)
  if (!bytes) throw new Error('Cannot read the response: it is not an event stream')
  return bytes
}

function unexpected(provider: string, status: number, mediaType: string, body: string): ProviderError {
  const isRedirect = status >= 300 && status < 400
  const what = isRedirect ? 'it sends us elsewhere' : `unexpected ${mediaType || 'content'}`
  return new ProviderError('PROVIDER_BAD_RESPONSE', `${provider} gave no answer: ${what} (HTTP ${status})`, {
    retryable: !isRedirect,
    cause: new Error(`HTTP ${status}: ${body.slice(0, 2_000)}`),
  })
}

/** Sends the request and waits for the head of the response. */
function send(url: URL, init: RequestInit, watch: Watchdog): Promise<http.IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<http.IncomingMessage>()
  const outgoing = (url.protocol === 'https:' ? https : http).request(url, {
    method: init.method ?? 'GET',
    // No `accept-encoding`: a compressor holds tokens back until it has a block of them.
    headers: Object.fromEntries(new Headers(init.headers)),
    signal: watch.signal,
  })
  let state = 'no connection'
  outgoing.once('socket', (socket) =>
    onceConnected(socket, () => {
      state = 'the connection was lost before an answer came'
      watch.stop('providerConnect')
    }),
  )
  outgoing.once('response', (incoming) => {
    watch.stop('providerFirstByte')
    resolve(incoming)
  })
  outgoing.on('error', (cause) => {
    const message = `Cannot reach ${watch.provider}: ${state}`
    reject(watch.fail(new ProviderError('PROVIDER_UNREACHABLE', message, { retryable: true, cause })))
  })
  watch.start('providerConnect')
  watch.start('providerFirstByte')
  outgoing.end(init.body)
  return promise
}

function onceConnected(socket: Socket, then: () => void): void {
  const isSecure = socket instanceof TLSSocket
  const isConnected = isSecure ? socket.getFinished() !== undefined : !socket.connecting
  if (isConnected) then()
  else socket.once(isSecure ? 'secureConnect' : 'connect', then)
}

/**
 * The body, held back while nobody reads. The provider's silence counts only while somebody waits for its bytes.
 * Ends the connection where it is left in the middle, but for an answer that is complete.
 */
async function* readAll(incoming: http.IncomingMessage, watch: Watchdog): AsyncGenerator<Uint8Array> {
  const body = decode(incoming)
  try {
    watch.start('providerByteIdle')
    for await (const bytes of chunksOf(body)) {
      watch.stop('providerByteIdle')
      yield bytes
      watch.start('providerByteIdle')
    }
    yield blankLine
  } catch (cause) {
    const message = `${watch.provider} broke off: the connection was lost in the middle of the answer`
    throw watch.fail(new ProviderError('PROVIDER_UNREACHABLE', message, { retryable: true, cause }))
  } finally {
    watch.stop('providerByteIdle')
    if (watch.complete) letEnd(body)
    else if (!body.readableEnded) body.destroy()
  }
}

function letEnd(body: Readable): void {
  if (body.destroyed) return
  const impatience = setTimeout(() => body.destroy(), lingerMs).unref()
  body.once('close', () => clearTimeout(impatience))
  body.on('error', () => {}) // Of an answer that is complete nothing can be lost.
  body.resume()
}

/** At most {@link maxErrorBytes} of the body, as text; what could be read where it breaks off. */
async function readSome(incoming: http.IncomingMessage, watch: Watchdog): Promise<string> {
  const chunks: Uint8Array[] = []
  let size = 0
  watch.start('providerByteIdle')
  try {
    for await (const bytes of decode(incoming)) {
      watch.start('providerByteIdle')
      chunks.push(bytes as Uint8Array)
      size += (bytes as Uint8Array).byteLength
      if (size >= maxErrorBytes) break
    }
  } catch {
    // The status says more than the rest of the body would.
  }
  watch.stop('providerByteIdle')
  return Buffer.concat(chunks).subarray(0, maxErrorBytes).toString()
}

const decoders: Record<string, () => NodeJS.ReadWriteStream & Readable> = {
  gzip: createGunzip,
  'x-gzip': createGunzip,
  deflate: createInflate,
  br: createBrotliDecompress,
  zstd: createZstdDecompress,
}

function decode(incoming: http.IncomingMessage): Readable {
  const decoder = decoders[incoming.headers['content-encoding']?.toLowerCase() ?? '']
  // Errors reach the reader of the last stream.
  return decoder ? pipeline(incoming, decoder(), () => {}) : incoming
}

function toHeaders(incoming: http.IncomingMessage): Headers {
  const headers = new Headers()
  for (const [name, values] of Object.entries(incoming.headersDistinct)) {
    for (const value of values ?? []) headers.append(name, value)
  }
  return headers
}
