import { readFileSync } from 'node:fs'
import { type ParseError, parse, printParseErrorCode } from 'jsonc-parser'
import { nearest } from './edit-distance.ts'
import { reasonOf, StartError } from './errors.ts'
import { credential, url } from './setting.ts'

/** Somebody who speaks OpenAI's chat completions, at an address of the administrator's. */
export type Endpoint = {
  /** As in `provider:name` of a model. */
  readonly name: string
  /** For people. */
  readonly label: string
  /** Without a slash at the end. */
  readonly baseUrl: string
  /** Null: it asks for none. */
  readonly apiKey: string | null
}

/** What a configuration file holds. */
export type ConfigFile = {
  readonly path: string
  /** By variable, as the environment would hold them. */
  readonly texts: Readonly<Record<string, string>>
  readonly endpoints: readonly Endpoint[]
}

/**
 * Reads a configuration file: JSON with comments, whose keys are the `variables` in small letters, with or without
 * `parley_`, and `endpoints`, an object of named ones.
 *
 * @throws StartError naming the file and the first thing in it that is wrong, never a value
 */
export function readConfigFile(
  path: string,
  variables: readonly string[],
  taken: readonly string[],
): ConfigFile {
  const { endpoints = {}, ...settings } = requireObject(parseFile(path), path)
  const entries = Object.entries(settings).filter(([, value]) => value !== null)
  return {
    path,
    texts: Object.fromEntries(
      entries.map(([key, value]) => [
        requireVariable(key, path, variables),
        requireText(value, `${key} in ${path}`),
      ]),
    ),
    endpoints: Object.entries(requireObject(endpoints, `endpoints in ${path}`)).map(([name, value]) =>
      requireEndpoint(name, value, `endpoints.${name} in ${path}`, taken),
    ),
  }
}

function parseFile(path: string): unknown {
  const text = readText(path)
  const errors: ParseError[] = []
  const value: unknown = parse(text, errors, { allowTrailingComma: true })
  const [first] = errors
  if (!first) return value
  const line = text.slice(0, first.offset).split('\n').length
  throw new StartError(`${path}: line ${line} is no JSON (${printParseErrorCode(first.error)})`)
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new StartError(`${path}: cannot be read (${reasonOf(error)})`)
  }
}

function requireVariable(key: string, path: string, variables: readonly string[]): string {
  const upper = key.toUpperCase()
  const variable = [upper, `PARLEY_${upper}`].find((one) => variables.includes(one))
  if (variable) return variable
  const [similar] = nearest(upper, variables)
  throw new StartError(
    `${path}: there is no setting ${key}${similar ? `, did you mean ${similar.toLowerCase()}?` : '; parley --help lists them'}`,
  )
}

function requireText(value: unknown, where: string): string {
  if (Array.isArray(value)) return value.map((item) => requireText(item, where)).join(',')
  if (['string', 'number', 'boolean'].includes(typeof value)) return String(value)
  throw new StartError(`${where}: takes a text, a number, true, false or a list of texts`)
}

function requireObject(value: unknown, where: string): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return value as Record<string, unknown>
  throw new StartError(`${where}: takes an object, as { "key": "value" }`)
}

const webUrl = url(['http:', 'https:'], 'an http or https URL')
const key = credential('a key')

function requireEndpoint(name: string, value: unknown, where: string, taken: readonly string[]): Endpoint {
  if (!/^[a-z][a-z0-9-]{0,30}$/.test(name)) {
    throw new StartError(`${where}: a name takes small letters, digits and hyphens, a letter first`)
  }
  if (taken.includes(name)) throw new StartError(`${where}: the name ${name} is a provider of its own`)
  const { base_url: baseUrl, api_key: apiKey = null, label = name, ...rest } = requireObject(value, where)
  const [unknown] = Object.keys(rest)
  if (unknown) throw new StartError(`${where}: takes base_url, api_key and label, not ${unknown}`)
  if (typeof label !== 'string' || label.trim() === '') throw new StartError(`${where}.label: takes a text`)
  return { name, label, baseUrl: requireAddress(baseUrl, where), apiKey: requireKey(apiKey, where) }
}

function requireAddress(value: unknown, where: string): string {
  const address = typeof value === 'string' ? webUrl.parse(value) : undefined
  if (!address) throw new StartError(`${where}.base_url: takes ${webUrl.takes}`)
  return address.href.replace(/\/$/, '')
}

function requireKey(value: unknown, where: string): string | null {
  if (value === null || value === '') return null
  if (typeof value === 'string' && key.parse(value)) return value
  throw new StartError(`${where}.api_key: takes ${key.takes}`)
}
