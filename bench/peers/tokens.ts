import { Anthropic } from '@anthropic-ai/sdk'

const client = new Anthropic({
  apiKey: 'bench',
  baseURL: process.env['ANTHROPIC_BASE_URL']!,
  maxRetries: 0,
})

/** The tokens of Claude's answer, as Anthropic's SDK gives them. */
export async function* tokensOf(prompt: string): AsyncGenerator<string> {
  const events = await client.messages.create({
    model: 'claude-sonnet-5-5',
    max_tokens: 64_000,
    messages: [{ role: 'user', content: prompt }],
    stream: true,
  })
  for await (const event of events) {
    if (event.type === 'content_block_delta' && event.delta.type === 'text_delta') yield event.delta.text
  }
}
