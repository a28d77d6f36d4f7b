import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer as createHttpServer } from 'node:http'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { sql } from 'kysely'
import { describe, expect, onTestFinished, test } from 'vitest'
import { version } from '../../src/server/version.ts'
import { clientOf } from '../support/app.ts'
import { databases } from '../support/databases.ts'
import { eventually } from '../support/eventually.ts'
import { Reading } from '../support/reading.ts'
import { type ScriptedUpstream, startScriptedUpstream } from '../support/scripted-provider.ts'

const main = resolve(import.meta.dirname, '../../src/server/main.ts')

describe('parley', () => {
  test('tells its version, its commands and its settings', async () => {
    expect(await run(['--version'])).toEqual({ code: 0, out: `${version}\n`, errors: '' })
    const { code, out } = await run(['--help'])
    expect(code).toBe(0)
    for (const word of ['serve', 'migrate', 'doctor', 'schema', '--port, PORT']) expect(out).toContain(word)
  })

  test('prints the schema', async () => {
    const { code, out } = await run(['schema'])
    expect(code).toBe(0)
    expect(out).toMatch(/^type Query \{$/m)
  })

  test.each([
    [['--prot', '80'], {}, 'parley: --prot: no such flag, did you mean --port?\n'],
    [['serv'], {}, 'parley: serv: no such command, did you mean serve?\n'],
    [[], { PORT: 'x' }, 'parley: PORT: got "x", takes a whole number from 0 to 65535\n'],
    [
      ['doctor'],
      { LOG_LEVEL: 'x' },
      expect.stringMatching(/^parley: LOG_LEVEL: got "x", takes one of .*\n$/),
    ],
    [
      ['migrate'],
      { DATABASE_URL: 'swordfish' },
      expect.stringMatching(/^parley: DATABASE_URL: got a value that is not shown, .*\n$/),
    ],
    [['--host', '0.0.0.0'], {}, expect.stringMatching(/^parley: HOST: .* takes a PARLEY_ACCESS_TOKEN.*\n$/)],
  ])('%j with %j ends with one line and code 1', async (args, environment, errors) => {
    expect(await run(args, environment)).toEqual({ code: 1, out: '', errors })
  })
})

describe('parley serve', () => {
  test('says where it is, serves there, and ends with code 0 when asked to stop', async () => {
    const server = await start(['serve', '--port', '0', '--data-dir', newFolder()])
    expect((await fetch(`${server.url}/health`)).status).toBe(200)
    expect(await server.end('SIGTERM')).toBe(0)
    await expect(fetch(`${server.url}/health`)).rejects.toThrow('fetch failed')
  })

  test('says in one line that its port is taken', async () => {
    const { port } = await listening(createServer())
    const { code, errors } = await run(['--port', String(port), '--data-dir', newFolder()])
    expect(errors).toMatch(
      new RegExp(`^parley: Cannot listen on 127.0.0.1:${port}: the port is taken; .*\n$`),
    )
    expect(code).toBe(1)
  })

  test('says in one line that another process has its data', async () => {
    const folder = newFolder()
    const server = await start(['--port', '0', '--data-dir', folder])
    const { code, errors } = await run(['--port', '0', '--data-dir', folder])
    expect(errors).toMatch(new RegExp(`^parley: .*${folder}.*process ${server.pid}.*\n$`))
    expect(code).toBe(1)
  })

  test.each([
    ['throws', "process.on('SIGUSR2', () => { throw new Error('boom') })"],
    ['forgets a promise that fails', "process.on('SIGUSR2', () => void Promise.reject(new Error('boom')))"],
  ])('stops with code 1 and the reason in its log when something %s', async (_what, script) => {
    const preload = join(newFolder(), 'preload.mjs')
    writeFileSync(preload, script)
    const server = await start(['--port', '0', '--data-dir', newFolder()], {}, ['--import', preload])
    expect(await server.end('SIGUSR2')).toBe(1)
    expect(server.log()).toContainEqual(
      expect.objectContaining({ level: 60, err: expect.objectContaining({ message: 'boom' }) }),
    )
  })
})

describe('a stop that the database holds up', () => {
  test('ends at once at a second signal', async () => {
    const { server } = await startOnLockedDatabase({})
    const ended = server.end('SIGTERM')
    await server.line(/"stopping"/)
    server.kill('SIGTERM')
    expect(await ended).toBe(128 + 15)
  })

  test('is cut short after its timeout, with code 1', async () => {
    const { server } = await startOnLockedDatabase({ PARLEY_TIMEOUT_STOP: '200ms' })
    expect(await server.end('SIGTERM')).toBe(1)
    expect(server.log()).toContainEqual(expect.objectContaining({ level: 50, timeout: 200 }))
  })
})

describe('a stop while an answer is written', () => {
  test('waits for its end, serves readers meanwhile, and says that it is not ready', async () => {
    await using upstream = await startScriptedUpstream()
    const { server, client, asked, folder } = await startAnswer(upstream)
    const reading = new Reading(client.follow(asked.generationId))
    await upstream.text('Once upon ')
    await reading.holds(asked.answerId, 'Once upon ')
    const ended = server.end('SIGTERM')
    await server.line(/^Waiting for 1 answer to end, up to 1m; a second signal stops at once$/)
    await eventually(async () => expect((await fetch(`${server.url}/ready`)).status).toBe(503))
    const late = new Reading(client.follow(asked.generationId, { over: 'SSE' }))
    await upstream.text('a time.')
    await late.holds(asked.answerId, 'Once upon a time.')
    await reading.holds(asked.answerId, 'Once upon a time.')
    await upstream.finish()
    expect(await ended).toBe(0)
    expect(reading.text(asked.answerId)).toBe('Once upon a time.')
    const next = await start(['--port', '0', '--data-dir', folder])
    expect(await clientOf(next.url).message(asked.answerId)).toMatchObject({
      status: 'COMPLETED',
      text: 'Once upon a time.',
    })
  })

  test('does not wait any longer after a second signal', async () => {
    await using upstream = await startScriptedUpstream()
    const { server } = await startAnswer(upstream)
    const ended = server.end('SIGTERM')
    await server.line(/^Waiting for 1 answer/)
    server.kill('SIGINT')
    expect(await ended).toBe(0)
  })

  test('does not wait any longer than its grace, and its timeout begins after that', async () => {
    await using upstream = await startScriptedUpstream()
    const { server } = await startAnswer(upstream, { PARLEY_GRACE: '3s', PARLEY_TIMEOUT_STOP: '2500ms' })
    const started = performance.now()
    expect(await server.end('SIGTERM')).toBe(0)
    expect(performance.now() - started).toBeGreaterThan(2_900)
  })
})

describe.each(databases)('the commands on $name', ({ create }) => {
  test('migrate brings an empty database up to date, once', async () => {
    await using place = await create({ migrated: false })
    expect(await run(['migrate'], environmentOf(place))).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^Migrated: 0001-initial/),
    })
    expect(await run(['migrate'], environmentOf(place))).toMatchObject({
      code: 0,
      out: 'Nothing to migrate\n',
    })
  })

  test('doctor is content with what works', async () => {
    await using place = await create()
    const { code, out } = await run(['doctor', '--port', '0'], environmentOf(place))
    expect(out).toMatch(/^ok +database: .*Postgres \d+/m)
    expect(out).toMatch(/^ok +migrations: all \d+ applied$/m)
    expect(out).not.toContain('PROBLEM')
    expect(code).toBe(0)
  })

  test.each([
    ['expand', 'ok', 0],
    ['contract', 'PROBLEM', 1],
  ])('doctor names migrations from a newer Parley (%s: %s)', async (kind, verdict, exitCode) => {
    await using place = await create()
    const database = await place.connect()
    const row = sql`insert into migration (name, kind, applied_at) values ('9999-future', ${kind}, now())`
    await row.execute(database.db)
    await database.close()
    const { code, out } = await run(['doctor', '--port', '0'], environmentOf(place))
    expect(out).toMatch(new RegExp(`^${verdict} +migrations: 9999-future`, 'm'))
    expect(code).toBe(exitCode)
  })
})

describe('parley doctor', () => {
  test('changes nothing on a machine where Parley never ran', async () => {
    const folder = newFolder()
    const { code, out } = await run(['doctor', '--port', '0'], { PARLEY_DATA_DIR: join(folder, 'data') })
    expect(out).toMatch(/^ok +data directory: .*data will be made at the first start$/m)
    expect(code).toBe(0)
    expect(readdirSync(folder)).toEqual([])
  })

  test('names everything that a start would fail on, and what to do', async () => {
    const folder = newFolder()
    writeFileSync(join(folder, 'file'), '')
    const { port } = await listening(createServer())
    const { code, out } = await run(['doctor'], { PORT: String(port), PARLEY_DATA_DIR: join(folder, 'file') })
    expect(out).toMatch(
      /^PROBLEM +data directory: .*file is not a directory: move it away, or set PARLEY_DATA_DIR$/m,
    )
    expect(out).toMatch(/^PROBLEM +port: Cannot listen on .*: the port is taken; stop what uses it, .*$/m)
    expect(code).toBe(1)
  })

  test('says that a database cannot be reached, and never shows its password', async () => {
    const { code, out } = await run(['doctor', '--port', '0'], {
      DATABASE_URL: 'postgres://ada:swordfish@127.0.0.1:1/db',
    })
    expect(out).toMatch(/^PROBLEM +database: /m)
    expect(out).not.toContain('swordfish')
    expect(code).toBe(1)
  })

  test('says that a Redis does not answer or is not used, and never shows its password', async () => {
    const settings = {
      REDIS_URL: 'redis://ada:swordfish@127.0.0.1:1',
      PARLEY_DATA_DIR: join(newFolder(), 'data'),
    }
    const unused = await run(['doctor', '--port', '0'], settings)
    expect(unused.out).toMatch(/^ok +redis: not used: /m)
    expect(unused.code).toBe(0)
    const used = await run(['doctor', '--port', '0'], {
      ...settings,
      DATABASE_URL: 'postgres://127.0.0.1:1/db',
    })
    expect(used.out).toMatch(/^PROBLEM +redis: does not answer: /m)
    expect(used.out).not.toContain('swordfish')
  })

  test.each([
    [200, { data: [claude], has_more: false }, /^ok +models: Anthropic lists 1 model$/m, 0],
    [
      401,
      { type: 'error', error: { type: 'authentication_error', message: 'no' } },
      /^PROBLEM +models: Anthropic: Anthropic refused the API key/m,
      1,
    ],
  ])('tries the key with the provider, which answers %d', async (status, body, finding, code) => {
    const provider = createHttpServer((_request, response) => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
    })
    const { port } = await listening(provider)
    const environment = { ANTHROPIC_API_KEY: 'sk-swordfish', ANTHROPIC_BASE_URL: `http://127.0.0.1:${port}` }
    const doctor = await run(['doctor', '--port', '0', '--data-dir', newFolder()], environment)
    expect(doctor.out).toMatch(finding)
    expect(doctor.out).not.toContain('swordfish')
    expect(doctor.code).toBe(code)
  })

  test('refuses to call a server safe that anybody can reach', async () => {
    const open = await run(['doctor', '--port', '0'], { HOST: '0.0.0.0', PARLEY_DATA_DIR: newFolder() })
    expect(open.out).toMatch(/^PROBLEM +access: .*PARLEY_ACCESS_TOKEN/m)
    const guessed = await run(['doctor', '--port', '0'], {
      PARLEY_ACCESS_TOKEN: 'short',
      PARLEY_DATA_DIR: newFolder(),
    })
    expect(guessed.out).toMatch(/^PROBLEM +access: .*fewer than 16 characters/m)
  })
})

const claude = {
  type: 'model',
  id: 'claude-sonnet-5-5',
  display_name: 'Claude',
  created_at: '2026-01-01T00:00:00Z',
}

async function listening(server: Server): Promise<AddressInfo> {
  await once(server.listen(0, '127.0.0.1'), 'listening')
  onTestFinished(() => void server.close())
  return server.address() as AddressInfo
}

/** Each start would compile the same modules again. */
const compileCache = { NODE_COMPILE_CACHE: join(tmpdir(), 'parley-compile-cache') }

type Environment = Readonly<Record<string, string>>

function environmentOf(place: { databaseUrl: string | null; dataDir: string }): Environment {
  return { PARLEY_DATA_DIR: place.dataDir, DATABASE_URL: place.databaseUrl ?? '' }
}

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'parley-cli-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  return folder
}

/** Runs it to its end, with nothing in its environment but what is given. */
async function run(args: readonly string[], environment: Environment = {}) {
  const child = spawn(process.execPath, [main, ...args], {
    env: { ...compileCache, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const [out, errors] = [collect(child.stdout), collect(child.stderr)]
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, out: out(), errors: errors() }
}

function collect(stream: NodeJS.ReadableStream): () => string {
  const chunks: Buffer[] = []
  stream.on('data', (chunk: Buffer) => chunks.push(chunk))
  return () => Buffer.concat(chunks).toString()
}

/** Starts a server and waits until it listens. It is killed when the test ends. */
async function start(
  args: readonly string[],
  environment: Environment = {},
  nodeArgs: readonly string[] = [],
) {
  const child = spawn(process.execPath, [...nodeArgs, main, ...args], {
    env: { ...compileCache, ...environment },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  const { lines, line } = readLines(child)
  const [, url = ''] = await line(/ is at (http:\S+)/)
  return {
    url,
    pid: child.pid,
    line,
    log: () => lines.filter((text) => text.startsWith('{')).map((text) => JSON.parse(text) as unknown),
    kill: (signal: NodeJS.Signals) => child.kill(signal),
    /** Sends the signal and answers with the exit code. */
    async end(signal: NodeJS.Signals): Promise<number | null> {
      child.kill(signal)
      const [code] = (await once(child, 'close')) as [number | null]
      return code
    },
  }
}

function readLines(child: ChildProcess & { stdout: NodeJS.ReadableStream }) {
  const lines: string[] = []
  const reader = createInterface(child.stdout).on('line', (text) => lines.push(text))
  /** The first line, past or to come, that matches. */
  async function line(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const match = lines.map((text) => pattern.exec(text)).find((found) => found !== null)
      if (match) return match
      await Promise.race([
        once(reader, 'line'),
        once(child, 'exit').then(([code]) =>
          Promise.reject(new Error(`ended with ${code} before ${pattern}`)),
        ),
      ])
    }
  }
  return { lines, line }
}

/** A server that writes an answer, which the upstream has not begun. */
async function startAnswer(upstream: ScriptedUpstream, environment: Environment = {}) {
  const folder = newFolder()
  const server = await start(['--port', '0', '--data-dir', folder], {
    ANTHROPIC_API_KEY: 'test-key',
    ANTHROPIC_BASE_URL: upstream.url,
    ...environment,
  })
  const client = clientOf(server.url)
  const asked = await client.ask(await client.createConversation())
  await upstream.request()
  return { server, client, asked, folder }
}

/** A server whose every further write waits for a lock that the test holds. */
async function startOnLockedDatabase(environment: Environment) {
  const [, postgres] = databases
  const place = await postgres!.create()
  const server = await start(['--port', '0'], { ...environmentOf(place), ...environment })
  const database = await place.connect()
  const locked = Promise.withResolvers<void>()
  const release = Promise.withResolvers<void>()
  const holding = database.db.transaction().execute(async (tx) => {
    await sql`lock table process in access exclusive mode`.execute(tx)
    locked.resolve()
    await release.promise
  })
  onTestFinished(async () => {
    release.resolve()
    await holding
    await place[Symbol.asyncDispose]()
  })
  await locked.promise
  return { server }
}
