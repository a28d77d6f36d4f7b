import type { ServerResponse } from 'node:http'
import { type RequestErrorCode, requestErrorCodes } from '../errors.ts'
import { errorBody } from './mask-errors.ts'

/** On every response, whatever it is. */
export const safetyHeaders = {
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Resource-Policy': 'same-origin',
} as const

export function sendJson(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
): void {
  send(response, status, JSON.stringify(body), {
    'Content-Type': 'application/json; charset=utf-8',
    'Cache-Control': 'no-store',
    ...headers,
  })
}

/** Refuses a request as a whole. `status`: where the code's own is not exact enough. */
export function sendError(
  response: ServerResponse,
  code: RequestErrorCode,
  message: string,
  status: number = requestErrorCodes[code],
  headers: Record<string, string> = {},
): void {
  sendJson(response, status, errorBody(code, message), headers)
}

export function send(
  response: ServerResponse,
  status: number,
  body: string | Uint8Array,
  headers: Record<string, string>,
): void {
  if (response.headersSent || response.destroyed) return
  response.writeHead(status, { 'Content-Length': String(Buffer.byteLength(body)), ...headers })
  response.end(body)
}
