import { createServer } from 'node:http'
import { text } from 'node:stream/consumers'
import { createAnthropic } from '@ai-sdk/anthropic'
import { pipeUIMessageStreamToResponse, streamText, toUIMessageStream } from 'ai'
import { listen } from './listen.ts'

/** Vercel's AI SDK: `streamText`, piped into the response as the stream that its `useChat` reads. */
const anthropic = createAnthropic({
  apiKey: 'bench',
  baseURL: `${process.env['ANTHROPIC_BASE_URL']}/v1`,
})

const server = createServer(async (request, response) => {
  const { prompt } = JSON.parse(await text(request)) as { prompt: string }
  const result = streamText({ model: anthropic('claude-sonnet-5-5'), prompt, maxRetries: 0 })
  pipeUIMessageStreamToResponse({ response, stream: toUIMessageStream({ stream: result.stream }) })
})

listen(server)
