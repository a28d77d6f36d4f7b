/** The frames of Anthropic's event stream, and its list of models, as its API writes them. */

/** One server-sent event. */
export function frame(event: { type: string } & Record<string, unknown>): string {
  return `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`
}

export type FrameUsage = Readonly<Record<string, unknown>>

export function messageStart(usage: FrameUsage | null = { input_tokens: 12, output_tokens: 1 }): string {
  return frame({
    type: 'message_start',
    message: {
      id: 'msg_1',
      type: 'message',
      role: 'assistant',
      model: 'claude-sonnet-5-5',
      content: [],
      stop_reason: null,
      stop_sequence: null,
      ...(usage && { usage }),
    },
  })
}

export function blockStart(index: number, block: { type: string } & Record<string, unknown>): string {
  return frame({ type: 'content_block_start', index, content_block: block })
}

export function textStart(index = 0): string {
  return blockStart(index, { type: 'text', text: '' })
}

export function thinkingStart(index = 0): string {
  return blockStart(index, { type: 'thinking', thinking: '', signature: '' })
}

export function delta(index: number, value: { type: string } & Record<string, unknown>): string {
  return frame({ type: 'content_block_delta', index, delta: value })
}

export function textDelta(text: string, index = 0): string {
  return delta(index, { type: 'text_delta', text })
}

export function thinkingDelta(thinking: string, index = 0): string {
  return delta(index, { type: 'thinking_delta', thinking })
}

export function blockStop(index = 0): string {
  return frame({ type: 'content_block_stop', index })
}

export function messageDelta(
  stopReason: string | null = 'end_turn',
  usage: FrameUsage | null = { output_tokens: 7 },
  stopDetails: Record<string, unknown> | null = null,
): string {
  return frame({
    type: 'message_delta',
    delta: { stop_reason: stopReason, stop_sequence: null, stop_details: stopDetails },
    ...(usage && { usage }),
  })
}

export const messageStop: string = frame({ type: 'message_stop' })

export const ping: string = frame({ type: 'ping' })

export function errorFrame(type: string, message = 'Something went wrong upstream'): string {
  return frame({ type: 'error', error: { type, message } })
}

/** A whole answer: one text block, one delta per piece. */
export function answer(...pieces: string[]): string {
  return [
    messageStart(),
    textStart(),
    ...pieces.map((piece) => textDelta(piece)),
    blockStop(),
    messageDelta(),
    messageStop,
  ].join('')
}

/** The body of an error response. */
export function errorBody(type: string, message = 'Something went wrong upstream', details?: object): string {
  return JSON.stringify({ type: 'error', error: { type, message, ...(details && { details }) } })
}

export type ListedModel = Record<string, unknown> & { id: string; display_name: string; created_at: string }

/** A model as Anthropic lists it: active, with every capability, unless `changes` say otherwise. */
export function listedModel(id: string, changes: Record<string, unknown> = {}): ListedModel {
  const yes = { supported: true }
  return {
    type: 'model',
    id,
    display_name: id,
    created_at: '2026-09-01T00:00:00Z',
    lifecycle: 'active',
    line: id.split('-')[1] ?? null,
    deprecated_at: null,
    retires_at: null,
    max_input_tokens: 1_000_000,
    max_tokens: 128_000,
    capabilities: {
      batch: yes,
      citations: yes,
      image_input: yes,
      pdf_input: yes,
      structured_outputs: yes,
      effort: { supported: true, low: yes, medium: yes, high: yes, xhigh: yes, max: yes },
      thinking: {
        supported: true,
        types: { adaptive: yes, between_tools: yes, disabled: yes, enabled: { supported: false } },
      },
    },
    ...changes,
  }
}

/** The models that an upstream lists where a test does not say otherwise, newest first. */
export const listedModels: readonly ListedModel[] = [
  listedModel('claude-opus-5-5', { display_name: 'Claude Opus 5.5', created_at: '2026-10-20T00:00:00Z' }),
  listedModel('claude-sonnet-5-5', { display_name: 'Claude Sonnet 5.5', created_at: '2026-10-06T00:00:00Z' }),
  listedModel('claude-haiku-5-5', { display_name: 'Claude Haiku 5.5', created_at: '2026-09-15T00:00:00Z' }),
]

/** One page of the list of models. */
export function modelPage(models: readonly ListedModel[], hasMore = false): string {
  return JSON.stringify({
    data: models,
    has_more: hasMore,
    first_id: models.at(0)?.id ?? null,
    last_id: models.at(-1)?.id ?? null,
  })
}
