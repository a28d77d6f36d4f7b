import {
  blockStop,
  errorBody,
  errorFrame,
  type FrameUsage,
  type ListedModel,
  listedModels,
  messageDelta,
  messageStart,
  messageStop,
  modelPage,
  ping,
  textDelta,
  textStart,
  thinkingDelta,
  thinkingStart,
} from './anthropic-frames.ts'
import { arrivals, type ByteRequest, chunk, chunkedHead, response, startByteServer } from './byte-server.ts'

/**
 * An upstream that speaks Anthropic's wire over real HTTP and says what the test tells it to, when the test tells
 * it to. Point `ANTHROPIC_BASE_URL` at `url`. The list of models is answered by itself.
 *
 * `text`, `finish` and their like act on the newest run that `request()` returned; runs beside each other are told
 * apart by what `request()` returns.
 */
export type ScriptedUpstream = AsyncDisposable &
  Omit<ScriptedRun, 'prompt' | 'body' | 'closed'> & {
    readonly url: string
    /** Runs so far. */
    readonly runs: readonly ScriptedRun[]
    /** The oldest run that no call has returned yet; waits for it. */
    request(): Promise<ScriptedRun>
    /** What the list of models holds from now on. */
    setModels(models: readonly ListedModel[]): void
    readonly close: () => Promise<void>
  }

/** One call of the model. Everything written is with the kernel when its promise resolves. */
export type ScriptedRun = {
  /** The request's JSON. */
  readonly body: Record<string, unknown>
  /** Text of the person's last message. */
  readonly prompt: string
  /** When the client has closed the connection. */
  readonly closed: Promise<void>
  /** One delta of the answer's text. */
  text(text: string): Promise<void>
  /** One delta of the model's reasoning. */
  reasoning(text: string): Promise<void>
  ping(): Promise<void>
  /** Ends the answer as a model does. */
  finish(stopReason?: string, usage?: FrameUsage): Promise<void>
  /** Before any content: an HTTP error. After it: an error event in the stream. */
  fail(failure?: { status?: number; type?: string; message?: string; headers?: object }): Promise<void>
  /** Ends the connection without an end of the answer: with FIN, or with RST. */
  cut(how?: 'FIN' | 'RST'): void
  /** Any bytes, inside the body's framing. */
  raw(bytes: string): Promise<void>
}

export type AutomaticAnswer = {
  /** Deltas in each answer. */
  readonly tokens: number
  /** Milliseconds between two deltas; 0: as fast as they are taken. */
  readonly pace?: number
}

/** The text of an automatic answer of `tokens` deltas: `1 2 3 …`. */
export function automaticText(tokens: number): string {
  return Array.from({ length: tokens }, (_, index) => automaticToken(index + 1)).join('')
}

function automaticToken(number: number): string {
  return `${number} `
}

/** Starts an upstream on a free port. With `automatic` it answers every request by itself. */
export async function startScriptedUpstream(
  options: { automatic?: AutomaticAnswer } = {},
): Promise<ScriptedUpstream> {
  const runs: ScriptedRun[] = []
  const arrived = arrivals<ScriptedRun>()
  let models = listedModels
  let current: ScriptedRun | null = null

  const server = await startByteServer((request) => {
    if (request.method === 'POST') onRun(request, scriptedRun(request))
    else void request.write(answerModels(request, models))
  })
  const onRun = (request: ByteRequest, run: ScriptedRun) => {
    runs.push(run)
    if (options.automatic) void answerByItself(request, run, options.automatic)
    else arrived.add(run)
  }

  const now = () => {
    if (!current) throw new Error('Await request() before answering it')
    return current
  }
  return {
    url: server.url,
    runs,
    request: async () => {
      current = await arrived.next()
      return current
    },
    setModels: (next) => {
      models = next
    },
    text: (text) => now().text(text),
    reasoning: (text) => now().reasoning(text),
    ping: () => now().ping(),
    finish: (stopReason, usage) => now().finish(stopReason, usage),
    fail: (failure) => now().fail(failure),
    cut: (how) => now().cut(how),
    raw: (bytes) => now().raw(bytes),
    close: server.close,
    [Symbol.asyncDispose]: server.close,
  }
}

function answerModels(request: ByteRequest, models: readonly ListedModel[]): string {
  if (!request.path.startsWith('/v1/models')) {
    return response(404, 'application/json', errorBody('not_found_error', 'No such address'))
  }
  return response(200, 'application/json', modelPage(models))
}

function scriptedRun(request: ByteRequest): ScriptedRun {
  const body = request.json()
  const blocks = new BlockWriter()
  let begun = false
  const send = (frames: string) => {
    const head = begun ? '' : chunkedHead + chunk(messageStart())
    begun = true
    return request.write(head + chunk(frames))
  }
  return {
    body,
    prompt: promptOf(body),
    closed: request.closed,
    text: (text) => send(blocks.open('text') + textDelta(text, blocks.index)),
    reasoning: (text) => send(blocks.open('thinking') + thinkingDelta(text, blocks.index)),
    ping: () => send(ping),
    finish: async (stopReason = 'end_turn', usage = { output_tokens: 7 }) => {
      await send(blocks.close() + messageDelta(stopReason, usage) + messageStop)
      await request.write(chunk(''))
    },
    fail: async ({ status = 529, type = 'overloaded_error', message, headers } = {}) => {
      if (!begun)
        return request.write(response(status, 'application/json', errorBody(type, message), headers))
      await send(errorFrame(type, message))
      await request.write(chunk(''))
    },
    cut: (how = 'FIN') => (how === 'FIN' ? request.end() : request.reset()),
    raw: (bytes) => send(bytes),
  }
}

/** Opens and closes content blocks as the kind of content changes. */
class BlockWriter {
  index = -1
  #kind: 'text' | 'thinking' | null = null

  open(kind: 'text' | 'thinking'): string {
    if (this.#kind === kind) return ''
    const before = this.close()
    this.#kind = kind
    this.index += 1
    return before + (kind === 'text' ? textStart(this.index) : thinkingStart(this.index))
  }

  close(): string {
    if (this.#kind === null) return ''
    this.#kind = null
    return blockStop(this.index)
  }
}

function promptOf(body: Record<string, unknown>): string {
  const messages = body['messages'] as { role: string; content: string | { text?: string }[] }[]
  const content = messages.findLast((message) => message.role === 'user')?.content ?? ''
  return typeof content === 'string' ? content : content.map((part) => part.text ?? '').join('')
}

async function answerByItself(request: ByteRequest, run: ScriptedRun, { tokens, pace = 0 }: AutomaticAnswer) {
  const started = performance.now()
  for (let number = 1; number <= tokens && !request.isClosed; number += 1) {
    // By the clock, not by the sum of waits: a late timer must not slow the whole answer down.
    if (pace > 0) await until(started + number * pace)
    await run.text(automaticToken(number))
  }
  if (!request.isClosed) await run.finish('end_turn', { output_tokens: tokens })
}

function until(time: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.max(0, time - performance.now())))
}
