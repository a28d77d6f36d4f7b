import { pino } from 'pino'
import { type App, createApp, type Overrides } from '../../src/server/app.ts'
import { parseConfig } from '../../src/server/config.ts'
import type { Place } from './databases.ts'
import type { StreamedEvent } from './fold.ts'
import { openEvents, openSocket, postGraphQL } from './graphql-client.ts'

export type TestAppOptions = {
  readonly place: Pick<Place, 'databaseUrl' | 'dataDir'>
  /** An upstream that speaks Anthropic's wire; without one there is only the demo. */
  readonly upstream?: { readonly url: string }
  /** Further settings, as environment variables. */
  readonly settings?: Readonly<Record<string, string>>
} & Overrides

/** A real server on a real port. */
export type TestApp = AsyncDisposable & Pick<App, 'url' | 'db' | 'drain' | 'close'> & Client

/** A server as a third-party client sees it, wherever it runs. */
export type Client = {
  readonly endpoint: string
  /** Runs a query or mutation; throws when there are errors. */
  run<Data = Record<string, never>>(query: string, variables?: Record<string, unknown>): Promise<Data>
  createConversation(): Promise<string>
  /** Sends a message and asks for an answer. */
  ask(conversationId: string, text?: string, input?: Record<string, unknown>): Promise<Asked>
  message(id: string): Promise<ReadMessage>
  /** Follows one run over a WebSocket until its end. */
  follow(generationId: string, options?: FollowOptions): AsyncGenerator<StreamedEvent, void, void>
  /** Follows a whole conversation; end it by leaving the loop. */
  followConversation(id: string, options?: FollowOptions): AsyncGenerator<StreamedEvent, void, void>
}

export type Asked = {
  readonly conversationId: string
  readonly questionId: string
  readonly answerId: string
  readonly generationId: string
}

export type ReadMessage = {
  readonly id: string
  readonly role: string
  readonly status: string
  readonly text: string
  readonly hash: string | null
  readonly generation: { readonly status: string; readonly finishReason: string | null } | null
}

export type FollowOptions = {
  readonly after?: string | null
  readonly over?: 'WebSocket' | 'SSE'
  /** Other arguments of the subscription, as GraphQL. */
  readonly args?: string
}

export const eventFields = `__typename cursor seq at
  ... on PartDelta { messageId revision partIndex kind offset text }
  ... on PartFinished { part { __typename index ... on TextPart { text } ... on ReasoningPart { text } } }
  ... on ResyncRequired { reason }
  ... on GenerationChanged { generation { id status attempt } clientMutationId }
  ... on GenerationFinished { generation { id status finishReason failure { code retryable }
    usage { inputTokens outputTokens estimated } message { id text status hash } } }`

const conversationFields = `${eventFields}
  ... on MessageChanged { message { id text } clientMutationId }
  ... on ConversationChanged { conversation { id title head { id } } clientMutationId }
  ... on ConversationRemoved { conversationId removal: reason }`

/** On a busy machine anything may take long: what is to end in time has a test of its own, which says so. */
const patience = {
  PARLEY_TIMEOUT_OPERATION: '10m',
  PARLEY_TIMEOUT_STATEMENT: '10m',
  PARLEY_TIMEOUT_CONNECTION_INIT: '10m',
  PARLEY_TIMEOUT_PROVIDER_FIRST_BYTE: '10m',
  PARLEY_TIMEOUT_PROVIDER_BYTE_IDLE: '10m',
}

export async function startApp({
  place,
  upstream,
  settings = {},
  ...overrides
}: TestAppOptions): Promise<TestApp> {
  const config = parseConfig(
    {},
    {
      PORT: '0',
      PARLEY_DATA_DIR: place.dataDir,
      // Tests ask faster than people do; the limit has a test of its own.
      PARLEY_LIMIT_OPERATIONS_PER_SECOND: '100000',
      // Tests let a provider fail more often than others would bear; that too has a test of its own.
      PARLEY_LIMIT_PROVIDER_FAILURES: '100000',
      // Whatever else runs on this machine.
      OLLAMA_BASE_URL: 'off',
      ...patience,
      ...(place.databaseUrl && { DATABASE_URL: place.databaseUrl }),
      ...(upstream && { ANTHROPIC_API_KEY: 'test-key', ANTHROPIC_BASE_URL: upstream.url }),
      ...settings,
    },
  )
  const app = await createApp(config, { log: pino({ level: 'fatal' }), ...overrides })
  return { ...clientOf(app.url), ...app, [Symbol.asyncDispose]: app.close }
}

/** The client of a server at `url`. */
export function clientOf(url: string): Client {
  const endpoint = new URL('/graphql', url).href
  const run = async <Data>(query: string, variables: Record<string, unknown> = {}) => {
    const { data, errors } = (await postGraphQL(endpoint, { query, variables })).json()
    if (errors) throw new Error(JSON.stringify(errors))
    return data as Data
  }
  return {
    endpoint,
    run,
    async createConversation() {
      const { createConversation } = await run<{ createConversation: { conversation: { id: string } } }>(
        'mutation { createConversation(input: {}) { conversation { id } userErrors { message } } }',
      )
      return createConversation.conversation.id
    },
    async ask(conversationId, text = 'Why?', input = {}) {
      const { sendMessage } = await run<{ sendMessage: SendMessagePayload }>(sendMessageDocument, {
        input: { conversationId, text, generate: {}, ...input },
      })
      const { userMessage, generation, userErrors } = sendMessage
      if (!userMessage || !generation) throw new Error(JSON.stringify(userErrors))
      return {
        conversationId,
        questionId: userMessage.id,
        answerId: generation.message.id,
        generationId: generation.id,
      }
    },
    async message(id) {
      const query = `query ($id: ID!) { message(id: $id) {
        id role status text hash generation { status finishReason } } }`
      return (await run<{ message: ReadMessage }>(query, { id })).message
    },
    follow: (id, options = {}) => {
      const args = `generationId: $id, after: $after${options.args ? `, ${options.args}` : ''}`
      return subscribe(endpoint, 'generationEvents', args, eventFields, id, options)
    },
    followConversation: (id, options = {}) => {
      const args = `conversationId: $id, after: $after${options.args ? `, ${options.args}` : ''}`
      return subscribe(endpoint, 'conversationEvents', args, conversationFields, id, options)
    },
  }
}

type SendMessagePayload = {
  userMessage: { id: string } | null
  generation: { id: string; message: { id: string } } | null
  userErrors: { code: string; message: string; path: string[] | null }[]
}

export const sendMessageDocument = `mutation ($input: SendMessageInput!) { sendMessage(input: $input) {
  clientMutationId userMessage { id } generation { id message { id } } conversation { id head { id } }
  userErrors { __typename code message path } } }`

async function* subscribe(
  endpoint: string,
  field: string,
  args: string,
  fields: string,
  id: string,
  { after = null, over = 'WebSocket' }: FollowOptions,
): AsyncGenerator<StreamedEvent, void, void> {
  const query = `subscription ($id: ID!, $after: Cursor) { ${field}(${args}) { ${fields} } }`
  for await (const { data, errors } of resultsOf(endpoint, { query, variables: { id, after } }, over)) {
    if (errors) throw new Error(JSON.stringify(errors))
    yield data?.[field] as StreamedEvent
  }
}

type Request = { query: string; variables: Record<string, unknown> }
type Result = { data?: Record<string, unknown>; errors?: unknown }

/** The results of a subscription; end it by leaving the loop. */
export function resultsOf(
  endpoint: string,
  request: Request,
  over: 'WebSocket' | 'SSE',
): AsyncGenerator<Result, void, void> {
  return over === 'SSE' ? overEvents(endpoint, request) : overSocket(endpoint, request)
}

async function* overEvents(endpoint: string, request: Request): AsyncGenerator<Result, void, void> {
  await using events = await openEvents(endpoint, request)
  for (let event = await events.next(); event?.event === 'next'; event = await events.next()) {
    yield JSON.parse(event.data) as Result
  }
}

async function* overSocket(endpoint: string, request: Request): AsyncGenerator<Result, void, void> {
  await using socket = await openSocket(endpoint)
  socket.subscribe('one', request)
  for (;;) {
    const { type, payload } = await socket.next('one')
    if (type === 'next') yield payload as Result
    if (type === 'error') yield { errors: payload }
    if (type !== 'next') return
  }
}
