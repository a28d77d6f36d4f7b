import { createInterface } from 'node:readline'
import { Anthropic } from '@anthropic-ai/sdk'
import { type Answer, now, type Question, type Target } from './answer.ts'
import { startProgram } from './process.ts'

type Call = { readonly id: number; readonly question: Question }

/** Anthropic's SDK alone, in a process of its own: nothing that stands on it can be faster. */
export function startSdk(upstreamUrl: string): Target {
  const program = startProgram(process.execPath, [import.meta.filename, upstreamUrl], {})
  const calls: ((answer: Answer) => void)[] = []
  const receive = async () => {
    for (let next = await program.lines.next(); !next.done; next = await program.lines.next()) {
      const { id, answer } = JSON.parse(next.value) as { id: number; answer: Answer }
      calls[id]?.(answer)
    }
  }
  void receive()
  return {
    ...program,
    name: 'raw SDK',
    ask: (question) =>
      new Promise((resolve) => {
        const id = calls.push(resolve) - 1
        program.send(JSON.stringify({ id, question } satisfies Call))
      }),
  }
}

async function ask(client: Anthropic, question: Question): Promise<Answer> {
  const asked = now()
  const events = await client.messages.create({
    model: 'claude-sonnet-5-5',
    max_tokens: 64_000,
    messages: [{ role: 'user', content: JSON.stringify(question) }],
    stream: true,
  })
  let shown = 0
  let text = ''
  for await (const event of events) {
    if (event.type !== 'content_block_delta' || event.delta.type !== 'text_delta') continue
    shown ||= now()
    text += event.delta.text
  }
  return { asked, shown, ended: now(), text }
}

if (import.meta.main) {
  const client = new Anthropic({ apiKey: 'bench', baseURL: process.argv[2]!, maxRetries: 0 })
  for await (const line of createInterface(process.stdin)) {
    const { id, question } = JSON.parse(line) as Call
    void ask(client, question).then((answer) => console.log(JSON.stringify({ id, answer })))
  }
}
