import { createHash } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { extname } from 'node:path'
import { promisify } from 'node:util'
import { brotliCompress, constants, gzip } from 'node:zlib'
import { send } from './respond.ts'

/** A file that is sent as it is, compressed once for all. */
export type Asset = {
  readonly type: string
  readonly etag: string
  encoded(encoding: Encoding): Promise<Uint8Array>
}

type Encoding = 'br' | 'gzip' | 'identity'

const typeOf: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.json': 'application/json; charset=utf-8',
  '.webmanifest': 'application/manifest+json',
  '.txt': 'text/plain; charset=utf-8',
  '.map': 'application/json; charset=utf-8',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.woff2': 'font/woff2',
  '.wasm': 'application/wasm',
}

const compressible = /^text\/|json|javascript|svg|wasm/

export function createAsset(name: string, content: Uint8Array): Asset {
  const type = typeOf[extname(name)] ?? 'application/octet-stream'
  const made = new Map<Encoding, Promise<Uint8Array>>()
  return {
    type,
    etag: `"${hashOf(content)}"`,
    encoded(encoding) {
      const body = made.get(encoding) ?? encode(content, compressible.test(type) ? encoding : 'identity')
      made.set(encoding, body)
      return body
    },
  }
}

/** Sends an asset, compressed as the client likes it, or 304 where the client has it. */
export async function sendAsset(
  request: IncomingMessage,
  response: ServerResponse,
  asset: Asset,
  headers: Record<string, string>,
): Promise<void> {
  const encoding = compressible.test(asset.type) ? encodingOf(request) : 'identity'
  const common = { ETag: asset.etag, Vary: 'Accept-Encoding', ...headers }
  if (request.headers['if-none-match']?.split(/, */).includes(asset.etag)) {
    response.writeHead(304, common).end()
    return
  }
  const body = await asset.encoded(encoding)
  const encoded: Record<string, string> = encoding === 'identity' ? {} : { 'Content-Encoding': encoding }
  send(response, 200, body, { 'Content-Type': asset.type, ...encoded, ...common })
}

/** Short and stable: names a version of the content. */
export function hashOf(content: Uint8Array | string): string {
  return createHash('sha256').update(content).digest('base64url').slice(0, 16)
}

function encodingOf(request: IncomingMessage): Encoding {
  const accepted = (request.headers['accept-encoding'] ?? '')
    .split(',')
    .filter((one) => !/;\s*q=0(\.0*)?\s*$/.test(one))
    .map((one) => one.split(';')[0]?.trim())
  if (accepted.includes('br')) return 'br'
  return accepted.includes('gzip') ? 'gzip' : 'identity'
}

async function encode(content: Uint8Array, encoding: Encoding): Promise<Uint8Array> {
  if (encoding === 'gzip') return promisify(gzip)(content)
  if (encoding === 'br')
    return promisify(brotliCompress)(content, { params: brotliParams(content.byteLength) })
  return content
}

/** Big files are compressed when somebody waits for them. */
function brotliParams(size: number): Record<number, number> {
  return { [constants.BROTLI_PARAM_QUALITY]: size > 1_000_000 ? 4 : 9 }
}
