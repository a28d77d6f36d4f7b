import assert from 'node:assert/strict'
import { type ChildProcessByStdio, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, mkdtempSync, readdirSync, statSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'

// This file stands alone: it is also run from a folder with nothing else in it, where the sources cannot be reached.

/** Longest wait for anything: far beyond what it takes, short of the patience of whoever waits for the tests. */
const patience = 90_000

type Server = { readonly url: string; readonly process: ChildProcessByStdio<null, Readable, null> }

/**
 * What a stranger does with the executable and nothing else, in an empty folder with an empty environment: looks at
 * the page and at GraphiQL, asks, watches the answer stream, stops the server and finds everything again. Throws at
 * the first thing that is not so.
 */
export async function smoke(executable: string): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'parley-smoke-'))
  const program = join(folder, 'parley')
  copyFileSync(executable, program)
  commands(program, folder)
  const first = await start(program, folder)
  await page(first.url)
  await graphiql(first.url)
  const asked = await ask(first.url)
  await stop(first)
  assert.deepEqual(
    readdirSync(folder).sort(),
    ['parley', 'parley-data'],
    'nothing is written but the data directory',
  )
  assert.equal(
    statSync(join(folder, 'parley-data')).mode & 0o777,
    0o700,
    'nobody else may look into the data',
  )
  const second = await start(program, folder)
  assert.equal((await query(second.url, asked.read)).node.text, asked.text, 'the answer outlives a restart')
  await stop(second)
}

function commands(program: string, folder: string): void {
  const run = (...args: string[]) =>
    execFileSync(program, args, { cwd: folder, env: {}, encoding: 'utf8', timeout: patience })
  assert.match(run('--version'), /^\d+\.\d+\.\d+\n$/)
  assert.match(run('--help'), /--port, PORT/)
  assert.match(run('schema'), /^type Subscription \{$/m)
  assert.match(run('doctor'), /^ok /m)
  assert.throws(() => run('--port', 'x'), /--port: got "x", takes a whole number/)
  assert.deepEqual(readdirSync(folder), ['parley'], 'a look at it leaves nothing behind')
  assert.match(run('migrate'), /^Migrated: 0001/)
  assert.match(run('migrate'), /^Nothing to migrate$/m)
}

async function start(program: string, folder: string): Promise<Server> {
  const child = spawn(program, ['--port', '0', '--demo-tokens-per-second', '300'], {
    cwd: folder,
    env: {},
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  process.once('exit', () => child.kill('SIGKILL'))
  const url = await new Promise<string>((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code) => reject(new Error(`it ended with ${code} before it listened`)))
    createInterface(child.stdout).on('line', (line) => {
      const match = / is at (http:\S+)$/.exec(line)
      if (match) resolve(match[1]!)
    })
  })
  assert.equal((await get(`${url}/ready`)).status, 200)
  return { url, process: child }
}

async function stop({ process: child }: Server): Promise<void> {
  child.kill('SIGTERM')
  const [code] = await once(child, 'exit', { signal: AbortSignal.timeout(patience) })
  assert.equal(code, 0, 'a stop that was asked for is no failure')
}

async function page(url: string): Promise<void> {
  const html = await text(`${url}/`)
  assert.match(html, /<div id="root">/)
  const files = [...html.matchAll(/(?:src|href)="(\/[^"]+)"/g)].map((match) => match[1]!)
  assert.ok(files.some((file) => file.endsWith('.js')))
  for (const file of files) assert.equal((await get(url + file)).status, 200, file)
  assert.equal(await text(`${url}/chat/anything`), html, 'the page serves its own addresses')
}

async function graphiql(url: string): Promise<void> {
  const html = await text(`${url}/graphql`, { accept: 'text/html' })
  assert.match(html, /graphiql/i)
  assert.doesNotMatch(
    html,
    /<(script|link)[^>]+(src|href)="(https?:)?\/\//,
    'nothing is loaded from elsewhere',
  )
}

/** Asks the demo model and watches its answer, which has to grow in pieces and to equal what is kept. */
async function ask(url: string): Promise<{ read: string; text: string }> {
  const created = await query(url, 'mutation { createConversation(input: {}) { conversation { id } } }')
  const conversationId: string = created.createConversation.conversation.id
  const sent = await query(
    url,
    `mutation { sendMessage(input: { conversationId: "${conversationId}", text: "Hello", generate: {} }) {
      generation { id } userErrors { message }
    } }`,
  )
  assert.deepEqual(sent.sendMessage.userErrors, [])
  const events = await subscribe(
    url,
    `subscription { generationEvents(generationId: "${sent.sendMessage.generation.id}") {
      __typename
      ... on PartDelta { offset text }
      ... on GenerationFinished { generation { status message { id text } } }
    } }`,
  )
  const deltas = events.filter((event) => event.__typename === 'PartDelta')
  const { generation } = events.at(-1)!
  assert.equal(generation.status, 'COMPLETED')
  assert.ok(deltas.length > 5, `an answer that streams comes in more than ${deltas.length} pieces`)
  assert.equal(deltas.map((delta) => delta.text).join(''), generation.message.text)
  return {
    text: generation.message.text,
    read: `{ node(id: "${generation.message.id}") { ... on Message { text } } }`,
  }
}

// What a server answers is only known at run time, and every access below is an assertion.
// oxlint-disable-next-line typescript/no-explicit-any
type Answer = Record<string, any>

async function query(url: string, document: string): Promise<Answer> {
  const response = await post(url, document, 'application/json')
  const { data, errors } = (await response.json()) as Answer
  assert.equal(errors, undefined, JSON.stringify(errors))
  return data
}

async function subscribe(url: string, document: string): Promise<Answer[]> {
  const response = await post(url, document, 'text/event-stream')
  assert.match(response.headers.get('content-type') ?? '', /^text\/event-stream/)
  const stream = await response.text()
  const blocks = stream.split('\n\n')
  assert.match(
    stream,
    /^event: complete$/m,
    `the stream of a finished answer ends, not with ${stream.slice(-200)}`,
  )
  const results = blocks.flatMap((block) =>
    /^event: next$/m.test(block) ? [/^data: (.*)$/m.exec(block)![1]!] : [],
  )
  return results.map((result) => Object.values((JSON.parse(result) as { data: Answer }).data)[0])
}

function post(url: string, document: string, accept: string): Promise<Response> {
  return fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept },
    body: JSON.stringify({ query: document }),
    signal: AbortSignal.timeout(patience),
  })
}

function get(url: string, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(url, { headers, signal: AbortSignal.timeout(patience) })
}

async function text(url: string, headers?: Record<string, string>): Promise<string> {
  const response = await get(url, headers)
  assert.equal(response.status, 200, url)
  return response.text()
}

/** Fails when the sources at `root` or the network can be reached after all. */
async function alone(root: string): Promise<void> {
  assert.deepEqual(readdirSync(root), [], 'the sources are out of reach')
  const socket = connect(80, '192.0.2.1')
  const [error] = await once(socket, 'error', { signal: AbortSignal.timeout(patience) }).catch((failure) => [
    failure,
  ])
  assert.equal(error.code, 'ENETUNREACH', 'the network is out of reach')
}

if (import.meta.main) {
  const [executable, root] = process.argv.slice(2)
  if (root) await alone(root)
  await smoke(executable!)
}
