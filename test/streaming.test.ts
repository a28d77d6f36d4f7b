import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { stripTypeScriptTypes } from 'node:module'
import { promisify } from 'node:util'
import { type GraphQLInterfaceType, isInterfaceType, parse, validate } from 'graphql'
import { describe, expect, test } from 'vitest'
import { requestErrorCodes, userErrorCodes } from '../src/server/errors.ts'
import { schema } from '../src/server/graphql/schema.ts'
import { newId } from '../src/server/ids.ts'
import { limitTable } from '../src/server/limits/limits.ts'
import { screamingSnake } from '../src/server/setting.ts'
import { encodeCursor } from '../src/server/streams/cursor.ts'
import type { TestApp } from './support/app.ts'
import { startCuttingProxy } from './support/cutting-proxy.ts'
import { databases } from './support/databases.ts'
import { readDocument } from './support/document.ts'
import { type Held, nothingHeld, type StreamedEvent, fold as supportFold } from './support/fold.ts'
import {
  type GraphQLResult,
  openSocket,
  postGraphQL,
  runOnSocket,
  type SocketClient,
  sendHttp,
} from './support/graphql-client.ts'
import { automaticText } from './support/scripted-provider.ts'
import { shareServer } from './support/shared-server.ts'

/** schema/STREAMING.md, held against the server that it describes. */
const document = readDocument('schema/STREAMING.md')
const execute = promisify(execFile)

type DocumentFold = {
  nothing: { parts: { text: string }[]; cursor: string | null }
  fold(held: DocumentFold['nothing'], event: StreamedEvent): DocumentFold['nothing']
}

const [foldSource = ''] = document.section('The fold').code('ts')

function documentFold(): Promise<DocumentFold> {
  return import(`data:text/javascript,${encodeURIComponent(stripTypeScriptTypes(foldSource))}`)
}

describe('the fold', () => {
  test('has at most thirty lines', () => {
    expect(foldSource.trim().split('\n').length).toBeLessThanOrEqual(30)
  })

  test('says of every order of deltas what the contract says', async () => {
    const { fold, nothing } = await documentFold()
    const deltas = [
      delta(0, 0, 'Hello'),
      delta(0, 5, ' world'),
      delta(0, 0, 'He'),
      delta(1, 3, 'p!'),
      delta(0, 0, 'old'),
    ]
    let [ours, theirs]: [DocumentFold['nothing'], Held] = [nothing, nothingHeld]
    for (const event of deltas) {
      ours = fold(ours, event)
      theirs = supportFold(theirs, event)
      expect(ours.parts.map((part) => part.text)).toEqual(theirs.texts)
      expect(ours.cursor).toBe(theirs.cursor)
    }
    expect(ours.parts.map((part) => part.text)).toEqual(['Help!'])
    expect(() => fold(ours, delta(1, 6, 'gap'))).toThrow('Text is missing')
  })

  test('cuts only the part that is rewritten', async () => {
    const { fold, nothing } = await documentFold()
    const events = [delta(0, 0, 'one'), delta(0, 0, 'two', 1), delta(1, 0, '1'), delta(1, 0, 'II', 1)]
    const held = events.reduce(fold, nothing)
    expect(held.parts.map((part) => part.text)).toEqual(['1', 'II'])
  })
})

function delta(revision: number, offset: number, text: string, partIndex = 0): StreamedEvent {
  const cursor = `${revision}-${offset}-${text}`
  return { __typename: 'PartDelta', cursor, seq: 1, revision, partIndex, offset, text }
}

describe('the examples', () => {
  test('are valid against the schema', () => {
    const fragment = document.section('Events').code('graphql').join('')
    const subscription = 'subscription { conversationEvents(conversationId: "") { ...Event } }'
    const queries = document.section('Read, then subscribe').code('graphql')
    for (const text of [...queries, `${subscription} ${fragment}`]) {
      expect(validate(schema, parse(text)).map((error) => error.message)).toEqual([])
    }
    expect(queries).toHaveLength(1)
  })

  const { create } = databases[0]!
  const tokens = 150
  const shared = shareServer(create, { automatic: { tokens, pace: 4 } })

  test.each(['WebSocket', 'SSE'] as const)(
    'fold a real answer over %s, also from the middle of it',
    async (over) => {
      const { app } = shared
      const { fold, nothing } = await documentFold()
      const { generationId } = await app.ask(await app.createConversation())
      let held = nothing
      for (let left = 5; left > 0; left -= 1) {
        let patience = 2 + left
        for await (const event of app.follow(generationId, { after: held.cursor, over })) {
          held = fold(held, event)
          patience -= 1
          if (patience === 0 && left > 1) break
        }
      }
      expect(held.parts.map((part) => part.text)).toEqual([automaticText(tokens)])
    },
  )

  test.each([
    {
      over: 'WebSocket',
      cut: 'reset' as const,
      source: document.section('Over WebSocket').code('js').join(''),
      flags: [],
      driver: `const events = []
        await follow(\`subscription ($id: ID!, $after: Cursor) { generationEvents(generationId: $id, after: $after) {
          __typename cursor ... on PartDelta { partIndex revision offset text } } }\`, { id }, (event) => events.push(event))
        await client.dispose()`,
    },
    {
      over: 'SSE',
      // Node's EventSource does not come back after a reset, as browsers do.
      cut: 'end' as const,
      source: document.section('Over server-sent events').code('js').join(''),
      flags: ['--experimental-eventsource', '--no-warnings'],
      driver: `const events = []
        const alive = setInterval(() => {}, 1_000)
        await new Promise((resolve, reject) =>
          followRun(url, id, (event) => events.push(event), (error) => (error ? reject(error) : resolve())))
        clearInterval(alive)`,
    },
  ])(
    'of a client over $over loses nothing when its connection is cut',
    async ({ source, flags, driver, cut }) => {
      const { app } = shared
      const { fold, nothing } = await documentFold()
      const { generationId } = await app.ask(await app.createConversation())
      await using proxy = await startCuttingProxy(app.endpoint, 600, cut)
      const program = `${source.replace('ws://127.0.0.1:8084', new URL(proxy.url).origin.replace('http', 'ws'))}
      const [url, id] = process.argv.slice(1)
      ${driver}
      console.log(JSON.stringify(events))`
      const argv = [...flags, '--input-type=module', '--eval', program, proxy.url, generationId]
      const { stdout } = await execute(process.execPath, argv)
      const events = JSON.parse(stdout) as StreamedEvent[]
      expect(proxy.connections).toBe(2)
      expect(events.at(-1)?.__typename).toBe('GenerationFinished')
      expect(events.reduce(fold, nothing).parts.map((part) => part.text)).toEqual([automaticText(tokens)])
    },
  )
})

describe('the tables', () => {
  test('name every event, with the streams in which it comes', () => {
    const streams = ['generation', 'conversation', 'viewer']
    const documented = document
      .section('Events')
      .rows()
      .map(([event, , where = '']) => [event, where === 'all' ? streams : where.split(', ')])
    const implementing = schema.getPossibleTypes(interfaceOf('StreamEvent')).map(({ name }) => [
      name,
      streams.filter((stream) => {
        const type = interfaceOf(`${stream[0]?.toUpperCase()}${stream.slice(1)}Event`)
        return schema.getPossibleTypes(type).some((possible) => possible.name === name)
      }),
    ])
    expect(sorted(documented)).toEqual(sorted(implementing))
  })

  test('name the limits that the server has, with their defaults', () => {
    const documented = document.section('Limits').rows()
    expect(differences(documented, limitTable)).toEqual([])
  })

  test('of limits would be found out if they differed', () => {
    const [first, ...rest] = document.section('Limits').rows()
    const { depth, ...fewer } = limitTable
    expect(differences([first!.with(1, '99 UTF-16 units'), ...rest], limitTable)).toHaveLength(2)
    expect(differences(rest, limitTable)).toHaveLength(1)
    expect(differences([first!, ...rest], fewer)).toHaveLength(1)
    const dearer = { ...limitTable, depth: { ...depth, default: 13 } }
    expect(differences([first!, ...rest], dearer)).toHaveLength(2)
  })

  test('name every code of an operation’s error, with its status', () => {
    const others = {
      GRAPHQL_PARSE_FAILED: 400,
      GRAPHQL_VALIDATION_FAILED: 400,
      INTERNAL_SERVER_ERROR: 500,
    }
    const documented = document.section('Errors of an operation').rows()
    expect(Object.fromEntries(documented.map(([code, status]) => [code, Number(status)]))).toEqual({
      ...requestErrorCodes,
      ...others,
    })
  })

  test('name every code of userErrors', () => {
    const documented = document.section('Mutations: idempotency keys and user errors').rows()
    expect(documented.map(([code]) => code)).toEqual([...userErrorCodes])
  })

  test('name every close code that the server uses', () => {
    const documented = document
      .section('Close codes')
      .rows()
      .map(([code]) => code!)
    const sources = ['websocket.ts', 'socket-connection.ts'].map((name) =>
      readFileSync(new URL(`../src/server/http/${name}`, import.meta.url), 'utf8'),
    )
    const used = sources.flatMap((source) => source.match(/\b(1\d{3}|4\d{3})\b/g) ?? [])
    expect(used.length).toBeGreaterThan(5)
    for (const code of used) expect(documented).toContain(code)
  })
})

/** What a documented table of limits says otherwise than the code, in either. */
function differences(
  documented: readonly (readonly string[])[],
  table: Readonly<Record<string, { default: number; unit: string; what: string }>>,
): string[] {
  const inCode = Object.entries(table).map(([name, limit]) =>
    [`PARLEY_LIMIT_${screamingSnake(name)}`, `${limit.default} ${limit.unit}`, limit.what]
      .join(' | ')
      .replaceAll('`', ''),
  )
  const inDocument = documented.map((row) => row.slice(0, 3).join(' | '))
  return [...new Set(inCode).symmetricDifference(new Set(inDocument))]
}

function interfaceOf(name: string): GraphQLInterfaceType {
  const type = schema.getType(name)
  if (!isInterfaceType(type)) throw new Error(`${name} is not an interface`)
  return type
}

function sorted<Row>(rows: readonly (readonly [Row, ...unknown[]] | readonly unknown[])[]) {
  return rows.toSorted(([a], [b]) => (String(a) < String(b) ? -1 : 1))
}

describe('a cursor that cannot be served', () => {
  const shared = shareServer(databases[0]!.create)
  const [malformed, unknown, expired] = document.section('When a cursor cannot be served').rows()

  test('is an error or asks to read again, as the table says', async () => {
    const incarnation = newId()
    const elsewhere = encodeCursor(
      { kind: 'viewer', id: newId(), incarnation },
      { seq: 3, places: new Map() },
    )
    expect(await answerTo('garbage')).toBe('BAD_USER_INPUT')
    expect(await answerTo(elsewhere)).toBe('ResyncRequired with CURSOR_UNKNOWN')
    expect(malformed?.[1]).toContain('BAD_USER_INPUT')
    expect(unknown?.[1]).toBe('ResyncRequired with CURSOR_UNKNOWN')
    expect(expired?.[1]).toBe('ResyncRequired with CURSOR_EXPIRED')
  })

  async function answerTo(after: string): Promise<string> {
    await using socket = await openSocket(shared.app.endpoint)
    const query = `subscription { viewerEvents(after: "${after}") { __typename ... on ResyncRequired { reason } } }`
    socket.subscribe('1', { query })
    const { data, errors } = (await socket.next('1')).payload as GraphQLResult
    const event = data?.['viewerEvents'] as { __typename: string; reason: string } | undefined
    return event ? `${event.__typename} with ${event.reason}` : codeOf({ errors: errors ?? [] })
  }
})

describe('bad input', () => {
  const shared = shareServer(databases[0]!.create, {
    automatic: { tokens: 1 },
    settings: { PARLEY_TIMEOUT_CONNECTION_INIT: '200ms' },
  })
  const rows = document.section('Bad input').rows() as [string, string][]

  test('has a test for every row', () => {
    const documented = rows.map(([input]) => input)
    expect(documented).toEqual([...Object.keys(inputs), 'an operation over a limit'])
  })

  test.each(rows.filter(([input]) => input in inputs))('%s: %s', async (input, answer) => {
    expect(await inputs[input]!(shared.app)).toBe(answer)
    // And the server goes on.
    expect(await shared.app.run('{ __typename }')).toEqual({ __typename: 'Query' })
  })
})

type Attempt = (app: TestApp) => Promise<string>

/** What each input is answered with, in the words of the document. */
const inputs: Readonly<Record<string, Attempt>> = {
  'a message of only white space': sending({ text: ' \n\t\u3000' }),
  'a message with NUL': sending({ text: 'a\0b' }),
  'a message with half a surrogate pair': sending({ text: 'a\ud83d' }),
  'a message of 200 KB': sending({ text: 'x'.repeat(200_000) }),
  'an unknown model': sending({ text: 'x', generate: { modelId: 'no-such-model' } }),
  'a parameter that the model does not take': sending({
    text: 'x',
    generate: { modelId: 'demo', temperature: 1 },
  }),
  'an unknown parent': sending({ text: 'x', parentId: 'unknown' }),
  'an unknown conversation, in a mutation': sending({ text: 'x', conversationId: 'unknown' }),
  'an unknown conversation, in a query': async (app) =>
    String((await app.run<{ conversation: null }>('{ conversation(id: "unknown") { id } }')).conversation),
  'an unknown conversation, in a subscription': subscribing('conversationEvents(conversationId: "unknown")'),
  'after of a stream that is no cursor': subscribing('viewerEvents(after: "garbage")'),
  'after of a stream that belongs to another one': async (app) => {
    const { viewer } = await app.run<{ viewer: { eventsCursor: string } }>('{ viewer { eventsCursor } }')
    const id = await app.createConversation()
    return subscribing(`conversationEvents(conversationId: "${id}", after: "${viewer.eventsCursor}")`)(app)
  },
  'after of a list that is no cursor': querying(
    '{ viewer { conversations(after: "garbage") { nodes { id } } } }',
  ),
  'first: -1': querying('{ viewer { conversations(first: -1) { nodes { id } } } }'),
  'first and last at once': querying('{ viewer { conversations(first: 1, last: 1) { nodes { id } } } }'),
  'malformed JSON over HTTP': async (app) => {
    const headers = { 'Content-Type': 'application/json', Accept: 'application/json' }
    const reply = await sendHttp(app.endpoint, { method: 'POST', headers, body: '{"query":' })
    return `status ${reply.status}, ${codeOf(reply.json())}`
  },
  'malformed JSON over WebSocket': breaking((socket) => socket.send('{"type":')),
  'a binary WebSocket frame': breaking((socket) => socket.send(new Uint8Array([1, 2, 3]))),
  'no connection_init': breaking(() => {}, false),
}

function sending(input: Record<string, unknown>): Attempt {
  return async (app) => {
    const conversationId = await app.createConversation()
    const query = `mutation ($input: SendMessageInput!) {
      sendMessage(input: $input) { userMessage { id } userErrors { code path } } }`
    const { sendMessage } = await app.run<{
      sendMessage: { userMessage: null; userErrors: { code: string; path: string[] }[] }
    }>(query, { input: { conversationId, generate: {}, ...input } })
    expect(sendMessage.userMessage).toBeNull()
    const counted = await app.run<{ conversation: { messageCount: number } }>(
      `{ conversation(id: "${conversationId}") { messageCount } }`,
    )
    expect(counted.conversation.messageCount).toBe(0)
    return `userErrors: ${sendMessage.userErrors.map(({ code, path }) => `${code} at ${path.join('.')}`).join(', ')}`
  }
}

function querying(query: string): Attempt {
  return async (app) => codeOf((await postGraphQL(app.endpoint, { query })).json())
}

function subscribing(field: string): Attempt {
  return async (app) => {
    await using socket = await openSocket(app.endpoint)
    const { results, errors } = await runOnSocket(socket, '1', { query: `subscription { ${field} { seq } }` })
    return codeOf({ errors: [...(errors ?? []), ...results.flatMap((result) => result.errors ?? [])] })
  }
}

function breaking(act: (socket: SocketClient) => void, init?: false): Attempt {
  return async (app) => {
    await using socket = await openSocket(app.endpoint, init === false ? { init } : {})
    act(socket)
    return `close code ${(await socket.closed).code}`
  }
}

function codeOf({ errors = [] }: GraphQLResult): string {
  return errors.map((error) => error.extensions?.code).join(', ')
}
