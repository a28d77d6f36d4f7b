import { sql } from 'kysely'
import type { Db } from '../../src/server/db/connect.ts'
import { toGlobalId } from '../../src/server/ids.ts'
import { type Asked, type FollowOptions, resultsOf, type TestApp } from './app.ts'
import type { StreamedEvent } from './fold.ts'
import { type GraphQLError, postGraphQL } from './graphql-client.ts'

/** What tests of conversations say and ask: every mutation, and the usual reads, as a client would. */

type Entity = { readonly id: string }

export type UserError = {
  readonly __typename: string
  readonly code: string
  readonly path: readonly string[] | null
  readonly head?: Entity | null
}

/** What any mutation returns, as far as {@link mutate} selects it. */
export type Payload = {
  readonly clientMutationId: string | null
  readonly userErrors: readonly UserError[]
  readonly userMessage?: Entity | null
  readonly generation?: (Entity & { readonly message: Entity }) | null
  readonly conversation?: (Entity & { readonly head: Entity | null }) | null
  readonly deletedConversationId?: string | null
}

const message = 'userMessage { id } generation { id message { id } } conversation { id head { id } }'
const generation = 'generation { id message { id } }'
const conversation = 'conversation { id head { id } }'

const results = {
  createConversation: conversation,
  updateConversation: conversation,
  deleteConversation: 'deletedConversationId',
  setHead: conversation,
  sendMessage: message,
  editMessage: message,
  regenerateMessage: message,
  generateResponse: generation,
  continueGeneration: message,
  cancelGeneration: generation,
}

export type MutationName = keyof typeof results

/** The document of a mutation with everything that its payload has. */
export function mutationDocument(name: MutationName): string {
  const type = `${name[0]?.toUpperCase()}${name.slice(1)}Input`
  return `mutation ($input: ${type}!) { ${name}(input: $input) { clientMutationId ${results[name]}
    userErrors { __typename code path ... on HeadConflictError { head { id } } } } }`
}

/** Calls a mutation; failures are in `userErrors`. */
export async function mutate(app: TestApp, name: MutationName, input: object): Promise<Payload> {
  const data = await app.run<Record<MutationName, Payload>>(mutationDocument(name), { input })
  return data[name]
}

/** Calls a mutation that has to succeed. */
export async function succeed(app: TestApp, name: MutationName, input: object): Promise<Payload> {
  const payload = await mutate(app, name, input)
  if (payload.userErrors.length > 0) throw new Error(`${name}: ${JSON.stringify(payload.userErrors)}`)
  return payload
}

/** The one failure of a mutation that has to fail: its code and path. */
export async function failure(app: TestApp, name: MutationName, input: object): Promise<UserError> {
  const payload = await mutate(app, name, input)
  const [error] = payload.userErrors
  if (!error) throw new Error(`${name} has not failed: ${JSON.stringify(payload)}`)
  return error
}

/** Sends a message that nobody answers, and returns its id. */
export async function say(
  app: TestApp,
  conversationId: string,
  text: string,
  input: object = {},
): Promise<string> {
  const { userMessage } = await succeed(app, 'sendMessage', { conversationId, text, ...input })
  if (!userMessage) throw new Error('The message is missing')
  return userMessage.id
}

/** Follows a run to its end, and returns the event that it ends with. */
export async function ending(app: TestApp, generationId: string): Promise<StreamedEvent> {
  let last: StreamedEvent | null = null
  for await (const event of app.follow(generationId)) last = event
  if (last?.__typename !== 'GenerationFinished') throw new Error('The run has no end')
  return last
}

/** Follows what happens to the viewer's list; end it by leaving the loop. */
export async function* followViewer(
  app: TestApp,
  { after = null, args = '', over = 'WebSocket' }: FollowOptions = {},
): AsyncGenerator<StreamedEvent, void, void> {
  const query = `subscription ($after: Cursor) { viewerEvents(after: $after ${args}) { __typename cursor seq at
    ... on ConversationChanged { conversation { id title starred lastMessagePreview } clientMutationId }
    ... on ConversationRemoved { conversationId removal: reason } ... on ResyncRequired { reason } } }`
  for await (const { data, errors } of resultsOf(app.endpoint, { query, variables: { after } }, over)) {
    if (errors) throw new Error(JSON.stringify(errors))
    yield data?.['viewerEvents'] as StreamedEvent
  }
  throw new Error('The stream has ended')
}

/** Sends a message and waits for the end of its answer. */
export async function askAndWait(
  app: TestApp,
  conversationId: string,
  text?: string,
  input?: Record<string, unknown>,
): Promise<Asked> {
  const asked = await app.ask(conversationId, text, input)
  await ending(app, asked.generationId)
  return asked
}

/** Reads one thing by its id. */
export async function read<Data>(app: TestApp, type: string, id: string, fields: string): Promise<Data> {
  const query = `query ($id: ID!) { node(id: $id) { ... on ${type} { ${fields} } } }`
  return (await app.run<{ node: Data }>(query, { id })).node
}

/** Where the viewer's head is. */
export async function headOf(app: TestApp, conversationId: string): Promise<string | null> {
  const { head } = await read<{ head: Entity | null }>(app, 'Conversation', conversationId, 'head { id }')
  return head?.id ?? null
}

/** The errors of an operation that has to fail as a whole. */
export async function errorsOf(
  app: TestApp,
  query: string,
  variables: Record<string, unknown> = {},
): Promise<readonly GraphQLError[]> {
  const { data, errors } = (await postGraphQL(app.endpoint, { query, variables })).json()
  if (!errors) throw new Error(`The operation has not failed: ${JSON.stringify(data)}`)
  return errors
}

/** An id of the right form that names nothing. */
export function unknownId(type: string): string {
  return toGlobalId(type, '01900000-0000-7000-8000-000000000000')
}

const tables = [
  'viewer',
  'conversation',
  'conversation_viewer',
  'message',
  'message_parent',
  'generation',
  'chunk',
  'conversation_event',
  'viewer_event',
  'idempotency',
]

/** Every row of every table in which a client's doings are kept, as one text per table: equal when nothing was written. */
export async function everyRow(db: Db): Promise<Record<string, string>> {
  const rows: Record<string, string> = {}
  for (const table of tables) {
    const { rows: found } = await sql<{ row: string }>`
      select row_to_json(one)::text as row from ${sql.table(table)} as one order by 1`.execute(db)
    rows[table] = found.map(({ row }) => row).join('\n')
  }
  return rows
}
