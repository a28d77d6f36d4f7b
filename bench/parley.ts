import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openSocket, type SocketClient } from '../test/support/graphql-client.ts'
import { type Answer, now, type Question, type Target } from './answer.ts'
import { lineWith, startProgram } from './process.ts'

/** An empty directory, removed when it goes out of scope. */
export function temporaryDirectory(): Disposable & { path: string } {
  const path = mkdtempSync(join(tmpdir(), 'parley-bench-'))
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}

export function settingsOf(dataDir: string, upstreamUrl: string): Record<string, string> {
  return {
    PORT: '0',
    PARLEY_DATA_DIR: dataDir,
    ANTHROPIC_API_KEY: 'bench',
    ANTHROPIC_BASE_URL: upstreamUrl,
    LOG_LEVEL: 'error',
  }
}

/** The executable with its embedded database. */
export async function startParley(
  executable: string,
  upstreamUrl: string,
): Promise<Target & { url: string }> {
  const directory = temporaryDirectory()
  const program = startProgram(executable, [], settingsOf(directory.path, upstreamUrl))
  const url = await lineWith(program, / is at (http:\S+)/)
  return {
    ...program,
    url,
    name: 'Parley',
    ask: (question) => askParley(url, question),
    [Symbol.asyncDispose]: async () => {
      await program[Symbol.asyncDispose]()
      directory[Symbol.dispose]()
    },
  }
}

/** Asks as the page does: it watches a conversation, sends a message, and reads what comes until the run's end. */
export async function askParley(url: string, question: Question): Promise<Answer & { sent: number }> {
  await using socket = await openSocket(new URL('/graphql', url).href)
  const { createConversation } = await run<{ createConversation: { conversation: { id: string } } }>(
    socket,
    'mutation { createConversation(input: {}) { conversation { id } } }',
    {},
  )
  const { id } = createConversation.conversation
  socket.subscribe('events', { query: watchDocument, variables: { id } })
  // The conversation's first event: from here on it is watched.
  await socket.next('events')
  const asked = now()
  const sending = run(socket, sendDocument, { id, text: JSON.stringify(question) }).then(now)
  let shown = 0
  let text = ''
  for (;;) {
    const { payload } = await socket.next('events')
    const { event } = (payload as { data: { event: WatchedEvent } }).data
    if (event.__typename === 'PartDelta') {
      shown ||= now()
      if (event.offset !== text.length) throw new Error(`Text at ${event.offset} after ${text.length}`)
      text += event.text
    }
    if (event.__typename === 'GenerationFinished') {
      return { asked, sent: await sending, shown, ended: now(), text }
    }
  }
}

type WatchedEvent = { __typename: string; offset: number; text: string }

const watchDocument = `subscription ($id: ID!) {
  event: conversationEvents(conversationId: $id, fromStart: true) {
    __typename ... on PartDelta { offset text } ... on GenerationFinished { generation { status } }
  } }`

const sendDocument = `mutation ($id: ID!, $text: String!) {
  sendMessage(input: { conversationId: $id, text: $text, generate: {} }) {
    generation { id message { id } } userErrors { message }
  } }`

async function run<Data>(
  socket: SocketClient,
  query: string,
  variables: Record<string, unknown>,
): Promise<Data> {
  socket.subscribe('run', { query, variables })
  const { payload } = await socket.next('run')
  await socket.next('run')
  return (payload as { data: Data }).data
}
