import { describe, expect, test } from 'vitest'
import {
  flags,
  isLoopback,
  parseConfig,
  requireTokenBeyondLoopback,
  settingsHelp,
  settingsMarkdown,
} from '../../src/server/config.ts'
import { StartError } from '../../src/server/errors.ts'
import { defaultLimits } from '../../src/server/limits/limits.ts'

const token = 'a-long-enough-secret-token'

describe('without any setting', () => {
  test('the server is for this machine, with an embedded database and the demo model', () => {
    expect(parseConfig({}, {})).toMatchObject({
      host: '127.0.0.1',
      port: 8084,
      accessToken: null,
      databaseUrl: null,
      providers: { anthropic: { apiKey: null, baseUrl: null }, gemini: { apiKey: null, baseUrl: null } },
      ollamaUrl: 'http://127.0.0.1:11434',
      endpoints: [],
      limits: defaultLimits,
    })
  })

  test.each([
    [{ XDG_DATA_HOME: '/data', HOME: '/home/ada' }, '/data/parley'],
    [{ HOME: '/home/ada' }, '/home/ada/.local/share/parley'],
    // The specification of these directories says to ignore a relative one.
    [{ XDG_DATA_HOME: 'data', HOME: '/home/ada' }, '/home/ada/.local/share/parley'],
    [{}, `${process.cwd()}/parley-data`],
    [{ PARLEY_DATA_DIR: 'here', HOME: '/home/ada' }, `${process.cwd()}/here`],
  ])('data is where %o puts it', (environment, expected) => {
    expect(parseConfig({}, environment).dataDir).toBe(expected)
  })
})

describe('a setting', () => {
  test('given as a flag wins over the environment', () => {
    expect(parseConfig({ '--port': '1' }, { PORT: '2' }).port).toBe(1)
  })

  test('that is empty counts as unset, as a flag and in the environment', () => {
    expect(parseConfig({ '--port': '' }, { PORT: '2' }).port).toBe(2)
    expect(parseConfig({}, { PORT: '', DATABASE_URL: '', LOG_LEVEL: ' ' })).toEqual(parseConfig({}, {}))
  })

  test.each([
    ['PORT', '0', { port: 0 }],
    ['HOST', '[::1]', { host: '::1' }],
    ['HOST', 'fe80::1', { host: 'fe80::1' }],
    ['HOST', 'chat.local', { host: 'chat.local' }],
    [
      'PARLEY_ALLOWED_HOSTS',
      'Chat.Example.com, chat.local:8084',
      { allowedHosts: ['chat.example.com', 'chat.local:8084'] },
    ],
    [
      'PARLEY_ALLOWED_ORIGINS',
      'https://a.example, http://localhost:5173',
      { allowedOrigins: ['https://a.example', 'http://localhost:5173'] },
    ],
    ['PUBLIC_URL', 'https://chat.example.com', { publicUrl: new URL('https://chat.example.com') }],
    ['TRUST_PROXY', 'YES', { trustProxy: true }],
    ['LOG_LEVEL', 'Debug', { logLevel: 'debug' }],
    [
      'DATABASE_URL',
      'postgresql:///parley?host=/run/postgresql',
      { databaseUrl: 'postgresql:///parley?host=/run/postgresql' },
    ],
    [
      'ANTHROPIC_BASE_URL',
      'http://127.0.0.1:9/',
      { providers: { anthropic: { apiKey: null, baseUrl: 'http://127.0.0.1:9' } } },
    ],
    ['OPENROUTER_API_KEY', 'sk-or-1', { providers: { openrouter: { apiKey: 'sk-or-1', baseUrl: null } } }],
    ['OLLAMA_BASE_URL', 'off', { ollamaUrl: null }],
    ['OLLAMA_BASE_URL', 'http://gpu.local:11434/', { ollamaUrl: 'http://gpu.local:11434' }],
    ['PARLEY_DEMO_TOKENS_PER_SECOND', '2.5', { demoTokensPerSecond: 2.5 }],
    ['PARLEY_LIMIT_MESSAGE_LENGTH', '12', { limits: { messageLength: 12 } }],
    ['PARLEY_TIMEOUT_PROVIDER_FIRST_BYTE', '1.5s', { timers: { providerFirstByte: 1_500 } }],
    ['PARLEY_TIMEOUT_STALL', '250ms', { timers: { stall: 250 } }],
    ['PARLEY_INTERVAL_VACUUM', '5m', { timers: { vacuum: 300_000 } }],
    ['PARLEY_INTERVAL_MODEL_REFRESH', '2h', { timers: { modelRefresh: 7_200_000 } }],
    ['PARLEY_INTERVAL_FLUSH', '0ms', { timers: { flush: 0 } }],
  ])('%s takes %s', (variable, given, expected) => {
    expect(parseConfig({}, { [variable]: given })).toMatchObject(expected)
  })

  test.each([
    ['PORT', 'eighty'],
    ['PORT', '65536'],
    ['PORT', '-1'],
    ['PORT', '0x50'],
    ['HOST', 'http://localhost'],
    ['HOST', '0.0.0.0:80'],
    ['PARLEY_ALLOWED_HOSTS', 'https://chat.example.com'],
    ['PARLEY_ALLOWED_HOSTS', '*'],
    ['PARLEY_ALLOWED_ORIGINS', 'chat.example.com'],
    ['PARLEY_ALLOWED_ORIGINS', 'https://chat.example.com/path'],
    ['PARLEY_ALLOWED_ORIGINS', '*'],
    ['PUBLIC_URL', 'chat.example.com'],
    ['TRUST_PROXY', 'maybe'],
    ['OLLAMA_BASE_URL', 'gpu.local:11434'],
    ['LOG_LEVEL', 'loud'],
    ['PARLEY_DATA_DIR', 'a\0b'],
    ['PARLEY_DEMO_TOKENS_PER_SECOND', '0'],
    ['PARLEY_DEMO_TOKENS_PER_SECOND', 'fast'],
    ['PARLEY_LIMIT_DEPTH', '0'],
    ['PARLEY_LIMIT_DEPTH', '1e3'],
    ['PARLEY_TIMEOUT_OPERATION', '5'],
    ['PARLEY_TIMEOUT_OPERATION', '0s'],
    ['PARLEY_TIMEOUT_OPERATION', '2 days'],
    ['PARLEY_TIMEOUT_OPERATION', '999999h'],
  ])('%s refuses %j in one line that names it, what it got and what it takes', (variable, given) => {
    const { message } = refusal(() => parseConfig({}, { [variable]: given }))
    expect(message).toMatch(new RegExp(`^${variable}: got ".*", takes .+$`))
    expect(message).not.toMatch(/\n/)
    expect(message).toContain(JSON.stringify(given).slice(1, -1))
  })

  test('is named as the flag where it came by one', () => {
    expect(refusal(() => parseConfig({ '--port': 'x' }, {})).message).toMatch(
      /^--port: got "x", takes a whole number/,
    )
  })

  test.each([
    ['DATABASE_URL', 'mysql://ada:swordfish@host/db'],
    ['ANTHROPIC_API_KEY', 'swordfish\nnewline'],
    ['DEEPSEEK_API_KEY', 'sword fish'],
    ['PARLEY_ACCESS_TOKEN', 'sword fish'],
  ])('%s never shows the value it refuses', (variable, given) => {
    const { message } = refusal(() => parseConfig({}, { [variable]: given }))
    expect(message).toMatch(new RegExp(`^${variable}: got a value that is not shown, takes .+$`))
    expect(message).not.toMatch(/sword ?fish/)
  })

  test('that is very long is cut in the line that refuses it', () => {
    expect(refusal(() => parseConfig({}, { PORT: 'x'.repeat(10_000) })).message.length).toBeLessThan(200)
  })

  test('that declares processes dead between two of their heartbeats is refused', () => {
    expect(refusal(() => parseConfig({}, { PARLEY_INTERVAL_PROCESS_HEARTBEAT: '5s' })).message).toBe(
      'PARLEY_TIMEOUT_PROCESS_EXPIRY: got 7s, takes at least three times PARLEY_INTERVAL_PROCESS_HEARTBEAT, which is 5s',
    )
  })
})

describe('a server that other machines can reach', () => {
  test.each(['0.0.0.0', '::', '192.168.1.2', 'chat.local', '127.evil.example'])(
    'needs a token at %s',
    (host) => {
      expect(isLoopback(host)).toBe(false)
      expect(refusal(() => requireTokenBeyondLoopback({ host, accessToken: null })).message).toContain(
        'PARLEY_ACCESS_TOKEN',
      )
      expect(() => requireTokenBeyondLoopback({ host, accessToken: token })).not.toThrow()
    },
  )

  test.each(['127.0.0.1', '127.1.2.3', '::1', 'localhost'])('is not the one at %s', (host) => {
    expect(() => requireTokenBeyondLoopback({ host, accessToken: null })).not.toThrow()
  })
})

describe('what is told about settings', () => {
  test('names every flag and variable once, in the help and in the table for README.md', () => {
    const variables = [...settingsMarkdown().matchAll(/^\| `([A-Z_]+)` /gm)].map((match) => match[1])
    expect(new Set(variables).size).toBe(variables.length)
    expect(variables).toEqual(expect.arrayContaining(['PORT', 'PARLEY_LIMIT_COST', 'PARLEY_TIMEOUT_STALL']))
    for (const variable of variables) expect(settingsHelp()).toContain(variable)
    for (const flag of flags.keys()) expect(settingsMarkdown()).toContain(`\`${flag}\``)
  })

  test('secrets have no flags: whoever is on the machine could read them', () => {
    expect([...flags.keys()]).not.toEqual(expect.arrayContaining(['--access-token']))
    expect([...flags.keys()]).not.toEqual(expect.arrayContaining(['--anthropic-api-key']))
  })
})

function refusal(parse: () => unknown): StartError {
  try {
    parse()
  } catch (error) {
    if (error instanceof StartError) return error
    throw error
  }
  throw new Error('it was taken')
}
