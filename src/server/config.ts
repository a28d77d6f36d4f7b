import { existsSync } from 'node:fs'
import { isAbsolute, join, resolve } from 'node:path'
import { type ConfigFile, type Endpoint, readConfigFile } from './config-file.ts'
import { StartError } from './errors.ts'
import { type Limits, limitTable } from './limits/limits.ts'
import { type LogLevel, logLevels } from './log.ts'
import {
  boolean,
  choice,
  credential,
  decimal,
  duration,
  flagOf,
  host,
  hostHeader,
  integer,
  list,
  optionalSetting,
  origin,
  type Parser,
  type Setting,
  screamingSnake,
  setting,
  showDuration,
  text,
  url,
} from './setting.ts'
import { type Timers, timerTable } from './timers.ts'

/** Everything that the surroundings decide, parsed once. Durations are milliseconds. */
export type Config = {
  readonly host: string
  /** 0: any free port. */
  readonly port: number
  /** `Host` headers that are served besides the server's own: any other name may be a rebound one. */
  readonly allowedHosts: readonly string[]
  /** Origins of browser clients served from elsewhere. */
  readonly allowedOrigins: readonly string[]
  /** Address that people use, behind a proxy; null: what the request says. */
  readonly publicUrl: URL | null
  /** Whether `X-Forwarded-*` headers count. */
  readonly trustProxy: boolean
  /** Bearer that every transport demands; null: nobody is asked. */
  readonly accessToken: string | null
  /** A Postgres; null: the embedded one in `dataDir`. */
  readonly databaseUrl: string | null
  /** A Redis that carries wake-ups between the processes on one database; null: the database does. */
  readonly redisUrl: string | null
  readonly dataDir: string
  readonly providers: { readonly [Name in ProviderName]: ProviderAccess }
  /** Others who speak OpenAI's chat completions, from the configuration file. */
  readonly endpoints: readonly Endpoint[]
  /** Where an Ollama is looked for; null: nowhere. */
  readonly ollamaUrl: string | null
  /** Exact provider name of the model used when nobody names one; null: chosen from what is listed. */
  readonly defaultModel: string | null
  /** What becomes of answers that are cut off because a process died, where a conversation does not say. */
  readonly recovery: 'ASK' | 'AUTO'
  /** How long a process that stops lets its runs end, in milliseconds. */
  readonly grace: number
  /** Pace of the built-in demo model. */
  readonly demoTokensPerSecond: number
  readonly logLevel: LogLevel
  readonly limits: Limits
  readonly timers: Timers
}

/** How a provider is reached. `apiKey` null: it is not used; `baseUrl` null: at its own address. */
export type ProviderAccess = { readonly apiKey: string | null; readonly baseUrl: string | null }

export type ProviderName = keyof typeof providerTable

/** The providers that take a key, in the order in which one of them answers where nobody names a model. */
const providerTable = {
  anthropic: { company: 'Anthropic', models: 'Claude' },
  openai: { company: 'OpenAI', models: 'OpenAI’s models' },
  gemini: { company: 'Google', models: 'Gemini' },
  openrouter: { company: 'OpenRouter', models: 'OpenRouter’s models' },
  deepseek: { company: 'DeepSeek', models: 'DeepSeek' },
} as const satisfies Record<string, { company: string; models: string }>

const webUrl = url(['http:', 'https:'], 'an http or https URL')

const urlOrOff: Parser<URL | 'off'> = {
  takes: `${webUrl.takes}, or off`,
  parse: (value) => (value === 'off' ? 'off' : webUrl.parse(value)),
}

const postgresUrl: Parser<string> = {
  takes: 'a URL as postgres://user:password@host/database',
  parse: (value) => (url(['postgres:', 'postgresql:'], '').parse(value) ? value : undefined),
}

const redisUrl: Parser<string> = {
  takes: 'a URL as redis://user:password@host:6379, or rediss:// for TLS',
  parse: (value) => (url(['redis:', 'rediss:'], '').parse(value) ? value : undefined),
}

/** In the directory in which the server is started. */
const usualConfigFile = 'parley.config.json'

const generalSettings = {
  host: setting('HOST', {
    takes: host,
    default: '127.0.0.1',
    about: 'Address to listen on. Any but a loopback one needs `PARLEY_ACCESS_TOKEN`.',
  }),
  port: setting('PORT', {
    takes: integer(0, 65_535),
    default: '8084',
    about: 'Port to listen on; 0: any free one.',
  }),
  accessToken: optionalSetting('PARLEY_ACCESS_TOKEN', {
    takes: credential('a token'),
    hidden: true,
    flag: null,
    about: 'What every client has to send as a bearer, and the page asks for once; unset: nobody is asked.',
  }),
  config: optionalSetting('PARLEY_CONFIG', {
    takes: text('a path'),
    default: `${usualConfigFile}, where there is one`,
    about: 'File that holds settings; `parley init` writes one. Flags and the environment win over it.',
  }),
  databaseUrl: optionalSetting('DATABASE_URL', {
    takes: postgresUrl,
    hidden: true,
    about: 'A Postgres, 15 or newer, as `postgres://user:password@host/database`; unset: the embedded one.',
  }),
  redisUrl: optionalSetting('REDIS_URL', {
    takes: redisUrl,
    hidden: true,
    about:
      'A Redis, 6 or newer, or Valkey, that carries wake-ups between several processes; unset: the Postgres does.',
  }),
  dataDir: optionalSetting('PARLEY_DATA_DIR', {
    takes: text('a path'),
    default: '$XDG_DATA_HOME/parley, else ~/.local/share/parley, else ./parley-data',
    about: 'Directory of the embedded Postgres; made when it is missing.',
  }),
  ollamaUrl: setting('OLLAMA_BASE_URL', {
    takes: urlOrOff,
    default: 'http://127.0.0.1:11434',
    about: 'Address at which an Ollama is looked for, whose models are then offered; `off`: nowhere.',
  }),
  defaultModel: optionalSetting('PARLEY_DEFAULT_MODEL', {
    takes: text("a provider's exact name of a model"),
    default: 'the newest Sonnet, else the first model listed, else demo',
    about: 'Model that answers when nobody names one.',
  }),
  recovery: setting('PARLEY_RECOVERY', {
    takes: choice(['ASK', 'AUTO']),
    default: 'ASK',
    about:
      'What becomes of an answer that is cut off because a process died: it waits for somebody to press Continue, or goes on by itself.',
  }),
  grace: setting('PARLEY_GRACE', {
    takes: duration(0),
    default: '60s',
    about: 'How long a process that is to stop lets the answers end that it is writing.',
  }),
  demoTokensPerSecond: setting('PARLEY_DEMO_TOKENS_PER_SECOND', {
    takes: decimal(0.1, 1_000_000),
    default: '60',
    about: 'Pace of the demo model.',
  }),
  allowedHosts: setting('PARLEY_ALLOWED_HOSTS', {
    takes: list(hostHeader, 'host names separated by commas, as chat.example.com,chat.local:8084'),
    default: '',
    about: 'Names under which people reach the server, besides localhost and the address it listens on.',
  }),
  allowedOrigins: setting('PARLEY_ALLOWED_ORIGINS', {
    takes: list(origin, 'origins separated by commas, as https://app.example.com'),
    default: '',
    about: 'Origins of browser clients that are served from elsewhere.',
  }),
  publicUrl: optionalSetting('PUBLIC_URL', {
    takes: webUrl,
    about: 'Address that people use when a proxy stands in front.',
  }),
  trustProxy: setting('TRUST_PROXY', {
    takes: boolean,
    default: 'false',
    about: 'Whether the `X-Forwarded-…` headers of a proxy count.',
  }),
  logLevel: setting('LOG_LEVEL', {
    takes: choice(logLevels),
    default: 'info',
    about: 'Least severe line of the log that is written.',
  }),
}

const providerSettings = mapRecord(providerTable, (name, { company, models }) => ({
  apiKey: optionalSetting(`${screamingSnake(name)}_API_KEY`, {
    takes: credential('a key'),
    hidden: true,
    flag: null,
    about: `Key with which ${models} answer${models.endsWith('models') ? '' : 's'}; unset: not at all.`,
  }),
  baseUrl: optionalSetting(`${screamingSnake(name)}_BASE_URL`, {
    takes: webUrl,
    default: `${company}'s own`,
    about: `Address of the API of ${company}, or of something that speaks it.`,
  }),
}))

const limitSettings = mapRecord(limitTable, (name, limit) =>
  setting(`PARLEY_LIMIT_${screamingSnake(name)}`, {
    takes: integer(1, 1_000_000_000),
    default: String(limit.default),
    about: `Limit: ${limit.what} (${limit.unit}).`,
  }),
)

const timerSettings = mapRecord(timerTable, (name, timer) =>
  setting(`PARLEY_${timer.kind.toUpperCase()}_${screamingSnake(name)}`, {
    takes: duration(name === 'flush' ? 0 : 1),
    default: showDuration(timer.default),
    about: `${timer.kind === 'timeout' ? 'Timeout' : 'Interval'}: ${timer.what}.`,
  }),
)

/** Every setting, in the order in which people are told of them. */
const allSettings: readonly Setting<unknown>[] = [
  ...Object.values(generalSettings),
  ...Object.values(providerSettings).flatMap(({ apiKey, baseUrl }) => [apiKey, baseUrl]),
  ...Object.values(limitSettings),
  ...Object.values(timerSettings),
]

/** Names and texts, as an environment or flags hold them. */
export type Texts = Readonly<Record<string, string | undefined>>

/** Names of the flags that settings have, and whether each may stand without a value. */
export const flags: ReadonlyMap<string, { readonly bare: boolean }> = new Map(
  allSettings.flatMap(({ flag, parser }) => (flag ? [[flag, { bare: parser === boolean }]] : [])),
)

/** The variable to use in place of a flag that does not exist because its value is a secret; else null. */
export function variableInsteadOf(flag: string): string | null {
  return allSettings.find((one) => one.flag === null && flagOf(one.variable) === flag)?.variable ?? null
}

/** Everything but the file itself: it does not say where it is. */
const fileSettings = allSettings.filter((one) => one !== generalSettings.config)

/** {@link parseConfig} with the configuration file that they name, or else with the usual one. */
export function loadConfig(flagTexts: Texts = {}, environment: Texts = process.env): Config {
  const named = readSetting(generalSettings.config, flagTexts, environment, null)
  if (named === null && !existsSync(usualConfigFile)) return parseConfig(flagTexts, environment)
  const variables = fileSettings.map(({ variable }) => variable)
  const taken = [...Object.keys(providerTable), 'ollama', 'demo']
  return parseConfig(flagTexts, environment, readConfigFile(named ?? usualConfigFile, variables, taken))
}

/**
 * What flags (which win), the environment and a configuration file ask for; an empty text counts as unset.
 *
 * @param flagTexts - by flag, as `--port`
 * @throws StartError naming the first setting that is wrong, what it got and what it takes
 */
export function parseConfig(
  flagTexts: Texts = {},
  environment: Texts = process.env,
  file: ConfigFile | null = null,
): Config {
  const read = <Value>(one: Setting<Value>): Value => readSetting(one, flagTexts, environment, file)
  const { dataDir, ollamaUrl, ...plain } = generalSettings
  const ollama = read(ollamaUrl)
  const config: Config = {
    host: read(plain.host),
    port: read(plain.port),
    allowedHosts: read(plain.allowedHosts),
    allowedOrigins: read(plain.allowedOrigins),
    publicUrl: read(plain.publicUrl),
    trustProxy: read(plain.trustProxy),
    accessToken: read(plain.accessToken),
    databaseUrl: read(plain.databaseUrl),
    redisUrl: read(plain.redisUrl),
    dataDir: resolve(read(dataDir) ?? defaultDataDir(environment)),
    providers: mapRecord(providerSettings, (_name, { apiKey, baseUrl }) => ({
      apiKey: read(apiKey),
      baseUrl: withoutSlash(read(baseUrl)),
    })),
    endpoints: file?.endpoints ?? [],
    ollamaUrl: ollama === 'off' ? null : withoutSlash(ollama),
    defaultModel: read(plain.defaultModel),
    recovery: read(plain.recovery),
    grace: read(plain.grace),
    demoTokensPerSecond: read(plain.demoTokensPerSecond),
    logLevel: read(plain.logLevel),
    limits: mapRecord(limitSettings, (_name, one) => read(one)),
    timers: mapRecord(timerSettings, (_name, one) => read(one)),
  }
  requireLivingHeartbeat(config.timers)
  return config
}

function withoutSlash<Address extends URL | null>(
  address: Address,
): Address extends URL ? string : string | null
function withoutSlash(address: URL | null): string | null {
  return address && address.href.replace(/\/$/, '')
}

function readSetting<Value>(
  one: Setting<Value>,
  flagTexts: Texts,
  environment: Texts,
  file: ConfigFile | null,
): Value {
  const sources = [
    { name: one.flag, text: one.flag === null ? undefined : flagTexts[one.flag] },
    { name: one.variable, text: environment[one.variable] },
    { name: `${one.variable.toLowerCase()} in ${file?.path}`, text: file?.texts[one.variable] },
  ]
  const { name, text: given } = sources.find((source) => source.text?.trim()) ?? {}
  if (!given) return one.fallback
  const value = one.parser.parse(given.trim())
  if (value !== undefined) return value
  throw new StartError(
    `${name}: got ${one.hidden ? 'a value that is not shown' : show(given)}, takes ${one.parser.takes}`,
  )
}

/** On one line whatever it holds. */
function show(given: string): string {
  return JSON.stringify(given.length > 80 ? `${given.slice(0, 79)}…` : given)
}

function requireLivingHeartbeat({ processHeartbeat, processExpiry }: Timers): void {
  if (processExpiry >= 3 * processHeartbeat) return
  const { processHeartbeat: heartbeat, processExpiry: expiry } = timerSettings
  throw new StartError(
    `${expiry.variable}: got ${showDuration(processExpiry)}, takes at least three times ${heartbeat.variable}, which is ${showDuration(processHeartbeat)}`,
  )
}

/** Where a program keeps a user's data, by the XDG base directory specification; where there is no user, here. */
function defaultDataDir({ XDG_DATA_HOME, HOME }: Texts): string {
  if (XDG_DATA_HOME && isAbsolute(XDG_DATA_HOME)) return join(XDG_DATA_HOME, 'parley')
  return HOME && isAbsolute(HOME) ? join(HOME, '.local', 'share', 'parley') : 'parley-data'
}

/** Whether only this machine can reach what listens on `address`. */
export function isLoopback(address: string): boolean {
  return address === 'localhost' || address === '::1' || /^127(\.\d{1,3}){3}$/.test(address)
}

/**
 * Refuses to be open to other machines without a token.
 *
 * @throws StartError that says how to go on
 */
export function requireTokenBeyondLoopback(config: Pick<Config, 'host' | 'accessToken'>): void {
  if (isLoopback(config.host) || config.accessToken !== null) return
  throw new StartError(
    `HOST: ${config.host} can be reached from other machines, which takes a PARLEY_ACCESS_TOKEN: ` +
      'set it to a long random text (openssl rand -hex 24 makes one), or leave HOST at 127.0.0.1',
  )
}

/** The settings as lines of `--help`. */
export function settingsHelp(): string {
  return allSettings.map(helpOf).join('\n')
}

function helpOf({ flag, variable, shownDefault, about, parser }: Setting<unknown>): string {
  const fallback = shownDefault && ` [${shownDefault}]`
  return `  ${flag ? `${flag}, ` : ''}${variable}\n      ${about} Takes ${parser.takes}.${fallback}`
}

/** A configuration file that sets nothing, with every setting in a comment. */
export function emptyConfigFile(): string {
  const lines = fileSettings.flatMap((one) => [
    '',
    `  // ${one.about} Takes ${one.parser.takes}.`,
    `  // ${exampleOf(one)}`,
  ])
  return [
    '{',
    `  // Settings of Parley. To set one, take the slashes in front of it away. Flags and environment variables win.`,
    ...lines,
    '',
    '  // Others who speak the API of OpenAI, by names of your own; api_key and label can be left out.',
    '  // "endpoints": { "my-vllm": { "base_url": "http://127.0.0.1:8000/v1", "api_key": "", "label": "vLLM" } },',
    '}',
    '',
  ].join('\n')
}

/** What it is by default, where that can be written. */
function exampleOf({ variable, shownDefault, fallback }: Setting<unknown>): string {
  return `${JSON.stringify(variable.toLowerCase())}: ${JSON.stringify(fallback === null ? '' : shownDefault)},`
}

/** The settings as the Markdown table of README.md. */
export function settingsMarkdown(): string {
  const rows = allSettings.map(
    ({ flag, variable, shownDefault, about }) =>
      `| \`${variable}\` | ${flag ? `\`${flag}\`` : ''} | ${shownDefault && `\`${shownDefault}\``} | ${about} |`,
  )
  return ['| variable | flag | default | what it decides |', '| --- | --- | --- | --- |', ...rows].join('\n')
}

function mapRecord<Name extends string, From, To>(
  record: Readonly<Record<Name, From>>,
  convert: (name: Name, value: From) => To,
): Record<Name, To> {
  const entries = Object.entries<From>(record) as [Name, From][]
  return Object.fromEntries(entries.map(([name, value]) => [name, convert(name, value)])) as Record<Name, To>
}
