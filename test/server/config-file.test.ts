import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { emptyConfigFile, loadConfig } from '../../src/server/config.ts'
import { StartError } from '../../src/server/errors.ts'

const main = join(import.meta.dirname, '..', '..', 'src', 'server', 'main.ts')

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'parley-config-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  return folder
}

function fileWith(text: string): string {
  const path = join(newFolder(), 'parley.config.json')
  writeFileSync(path, text)
  return path
}

/** What is configured by a file that holds `text`, beside an environment. */
const load = (text: string, environment = {}) =>
  loadConfig({}, { PARLEY_CONFIG: fileWith(text), ...environment })

function refusal(text: string): string {
  try {
    load(text)
  } catch (error) {
    if (error instanceof StartError) return error.message
    throw error
  }
  throw new Error('It was taken')
}

describe('a configuration file', () => {
  test('holds settings under their names in small letters, among comments', () => {
    const config = load(`{
      // What people pay for.
      "anthropic_api_key": "sk-1", "gemini_api_key": "sk-2", "openrouter_api_key": "sk-3",
      "port": 9000, /* with or without its prefix */ "default_model": "claude-x", "parley_grace": "5s",
      "trust_proxy": true,
      "allowed_origins": ["https://a.example", "https://b.example"],
    }`)
    expect(config).toMatchObject({
      providers: {
        anthropic: { apiKey: 'sk-1' },
        gemini: { apiKey: 'sk-2' },
        openrouter: { apiKey: 'sk-3' },
        openai: { apiKey: null },
      },
      port: 9000,
      defaultModel: 'claude-x',
      grace: 5_000,
      trustProxy: true,
      allowedOrigins: ['https://a.example', 'https://b.example'],
    })
  })

  test('gives way to flags and to the environment', () => {
    const path = fileWith('{ "port": 1, "host": "::1", "log_level": "warn" }')
    const config = loadConfig({ '--config': path, '--port': '3' }, { PORT: '2', HOST: '127.0.0.2' })
    expect(config).toMatchObject({ port: 3, host: '127.0.0.2', logLevel: 'warn' })
  })

  test('that is null or empty somewhere leaves that unset', () => {
    expect(load('{ "port": null, "anthropic_api_key": "", "endpoints": {} }')).toEqual(load('{}'))
  })

  test('names endpoints of its own', () => {
    const { endpoints } = load(`{ "endpoints": {
      "my-vllm": { "base_url": "http://127.0.0.1:8000/v1/" },
      "lab": { "base_url": "https://llm.example/v1", "api_key": "sk-lab", "label": "The lab" } } }`)
    expect(endpoints).toEqual([
      { name: 'my-vllm', label: 'my-vllm', baseUrl: 'http://127.0.0.1:8000/v1', apiKey: null },
      { name: 'lab', label: 'The lab', baseUrl: 'https://llm.example/v1', apiKey: 'sk-lab' },
    ])
  })

  test.each([
    ['what is no JSON', '{\n "port": 1,\n oops\n}', /parley\.config\.json: line 3 is no JSON/],
    ['what is no object', '[]', /takes an object/],
    [
      'a setting that does not exist',
      '{ "anthropic_api_ky": "swordfish" }',
      /there is no setting anthropic_api_ky, did you mean anthropic_api_key\?$/,
    ],
    ['a value of the wrong kind', '{ "port": {} }', /^port in .*: takes a text, a number/],
    [
      'a value that the setting refuses',
      '{ "port": "eighty" }',
      /^port in .*parley\.config\.json: got "eighty", takes a whole number/,
    ],
    [
      'an endpoint under the name of a provider',
      '{ "endpoints": { "openai": { "base_url": "http://a.b" } } }',
      /the name openai is a provider of its own/,
    ],
    [
      'an endpoint under a name that is none',
      '{ "endpoints": { "My LLM": { "base_url": "http://a.b" } } }',
      /a name takes small letters/,
    ],
    [
      'an endpoint without an address',
      '{ "endpoints": { "lab": {} } }',
      /endpoints\.lab in .*\.base_url: takes an http or https URL/,
    ],
    [
      'an endpoint with something else',
      '{ "endpoints": { "lab": { "base_url": "http://a.b", "key": "swordfish" } } }',
      /takes base_url, api_key and label, not key/,
    ],
    [
      'an endpoint with a key that no header carries',
      '{ "endpoints": { "lab": { "base_url": "http://a.b", "api_key": "sword fish" } } }',
      /api_key: takes a key of visible ASCII/,
    ],
  ])('with %s is refused by name, without the value of a secret', (_what, text, expected) => {
    const message = refusal(text)
    expect(message).toMatch(expected)
    expect(message).not.toMatch(/sword ?fish/)
  })

  test('that is named and not there is refused', () => {
    const path = join(newFolder(), 'nowhere.json')
    expect(() => loadConfig({ '--config': path }, {})).toThrow(`${path}: cannot be read`)
  })
})

describe('parley init', () => {
  const init = (folder: string) =>
    execFileSync(process.execPath, [main, 'init'], { cwd: folder, env: {}, stdio: 'pipe' }).toString()

  test('writes a file that changes nothing and is for nobody else, and never over one that is there', () => {
    const folder = newFolder()
    expect(init(folder)).toContain('parley.config.json is written')
    const path = join(folder, 'parley.config.json')
    expect(loadConfig({ '--config': path }, {})).toEqual(loadConfig({}, {}))
    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect(() => init(folder)).toThrow(/is there already, and is left as it is/)
  })

  test('offers every setting with a value that is taken once the slashes are gone', () => {
    const all = emptyConfigFile().replaceAll(/^ {2}\/\/ (?=")/gm, '  ')
    expect(() => load(all)).not.toThrow()
  })
})
