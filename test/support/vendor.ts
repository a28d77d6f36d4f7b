import { type ByteRequest, type ByteServer, response, startByteServer, streamHead } from './byte-server.ts'

/** What a vendor answers to one request. */
export type VendorAnswer = { readonly text: string; readonly usage?: object } | { readonly status: number }

/**
 * A server that speaks OpenAI's chat completions: it lists `models`, and answers what it is asked as `answer` says of
 * the body of the request.
 */
export function startVendor(
  models: readonly object[],
  answer: (body: Record<string, unknown>) => VendorAnswer,
): Promise<ByteServer> {
  return startByteServer((request) => void respond(request, models, answer))
}

async function respond(
  request: ByteRequest,
  models: readonly object[],
  answer: (body: Record<string, unknown>) => VendorAnswer,
): Promise<void> {
  const isList = request.path.endsWith('/models')
  await request.write(isList ? json(200, { data: models }) : completion(answer(request.json())))
  request.end()
}

function completion(answer: VendorAnswer): string {
  if ('status' in answer) return json(answer.status, { error: { message: 'Not now' } })
  const choices = [{ index: 0, delta: { content: answer.text }, finish_reason: 'stop' }]
  const frames = [{ choices }, ...(answer.usage ? [{ choices: [], usage: answer.usage }] : [])]
  return `${streamHead}${frames.map((frame) => `data: ${JSON.stringify(frame)}\n\n`).join('')}data: [DONE]\n\n`
}

function json(status: number, value: object): string {
  return response(status, 'application/json', JSON.stringify(value))
}
