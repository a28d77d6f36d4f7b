import { isIPv6 } from 'node:net'

/** How the text of one setting becomes a value. `parse` returns undefined for what it does not take. */
export type Parser<Value> = {
  /** Ends the sentence "takes …". */
  readonly takes: string
  readonly parse: (text: string) => Value | undefined
}

/** One setting, as everything that is said about settings is made from it. */
export type Setting<Value> = {
  /** Environment variable. */
  readonly variable: string
  /** `--flag`; null where it has none: every user of a machine can read the flags of a process. */
  readonly flag: string | null
  /** What is said to be the default. */
  readonly shownDefault: string
  readonly about: string
  /** Never to be shown, because it is a secret or can hold one. */
  readonly hidden: boolean
  readonly parser: Parser<Value>
  /** What holds when it is not set. */
  readonly fallback: Value
}

type Description<Value> = {
  readonly takes: Parser<Value>
  readonly about: string
  /** As somebody would write it, or words for it. */
  readonly default?: string
  readonly hidden?: true
  readonly flag?: null
}

/** A setting with a default. Its flag follows from its variable: `PARLEY_DATA_DIR` is `--data-dir`. */
export function setting<Value>(
  variable: string,
  description: Description<Value> & { readonly default: string },
): Setting<Value> {
  const fallback = description.takes.parse(description.default)
  if (fallback === undefined) throw new Error(`${variable} does not take its own default`)
  return { ...optionalSetting(variable, description), parser: description.takes, fallback }
}

/** A setting that is null when it is not set. */
export function optionalSetting<Value>(
  variable: string,
  description: Description<Value>,
): Setting<Value | null> {
  return {
    variable,
    flag: description.flag === null ? null : flagOf(variable),
    shownDefault: description.default ?? '',
    about: description.about,
    hidden: description.hidden ?? false,
    parser: description.takes,
    fallback: null,
  }
}

/** The flag that a variable would have. */
export function flagOf(variable: string): string {
  return `--${variable
    .replace(/^PARLEY_/, '')
    .toLowerCase()
    .replaceAll('_', '-')}`
}

/** `providerFirstByte` → `PROVIDER_FIRST_BYTE`. */
export function screamingSnake(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()
}

export function integer(minimum: number, maximum: number): Parser<number> {
  return {
    takes: `a whole number from ${minimum} to ${maximum}`,
    parse: (text) => (/^\d{1,15}$/.test(text) ? within(Number(text), minimum, maximum) : undefined),
  }
}

export function decimal(minimum: number, maximum: number): Parser<number> {
  return {
    takes: `a number from ${minimum} to ${maximum}`,
    parse: (text) =>
      /^\d{1,15}(\.\d{1,9})?$/.test(text) ? within(Number(text), minimum, maximum) : undefined,
  }
}

function within(value: number, minimum: number, maximum: number): number | undefined {
  return value >= minimum && value <= maximum ? value : undefined
}

const units = { h: 3_600_000, m: 60_000, s: 1_000, ms: 1 } as const
/** Timers of Node fire at once beyond 2^31 milliseconds, which are 596 hours. */
const longestDuration = 500 * units.h

/** A duration in milliseconds, written with its unit. */
export function duration(minimum: number): Parser<number> {
  return {
    takes: `a duration from ${minimum}ms to 500h, as 500ms, 2s, 5m or 1h`,
    parse: (text) => {
      const match = /^(\d{1,12}(?:\.\d{1,6})?)(ms|s|m|h)$/.exec(text)
      if (!match) return undefined
      return within(Number(match[1]) * units[match[2] as keyof typeof units], minimum, longestDuration)
    },
  }
}

/** The shortest text from which {@link duration} makes `milliseconds` again. */
export function showDuration(milliseconds: number): string {
  for (const [unit, size] of Object.entries(units)) {
    if (milliseconds >= size && milliseconds % size === 0) return `${milliseconds / size}${unit}`
  }
  return `${milliseconds}ms`
}

export function choice<const Choice extends string>(choices: readonly Choice[]): Parser<Choice> {
  return {
    takes: `one of ${choices.join(', ')}`,
    parse: (text) => choices.find((name) => name.toLowerCase() === text.toLowerCase()),
  }
}

export const boolean: Parser<boolean> = {
  takes: 'true or false',
  parse: (text) => {
    if (['true', '1', 'yes', 'on'].includes(text.toLowerCase())) return true
    return ['false', '0', 'no', 'off'].includes(text.toLowerCase()) ? false : undefined
  },
}

/** A text of which `what` says what it is. */
export function text(what: string): Parser<string> {
  return { takes: what, parse: (value) => (hasControlCharacter(value) ? undefined : value) }
}

/** A text that can stand in an HTTP header. */
export function credential(what: string): Parser<string> {
  return {
    takes: `${what} of visible ASCII characters`,
    parse: (value) => (/^[\x21-\x7e]+$/.test(value) ? value : undefined),
  }
}

export const host: Parser<string> = {
  takes: 'an IP address or a host name, without a port',
  parse: (value) => {
    const bare = value.replace(/^\[(.*)\]$/, '$1')
    return isIPv6(bare) || /^[\w.-]+$/.test(bare) ? bare : undefined
  },
}

export function url(protocols: readonly string[], what: string): Parser<URL> {
  return {
    takes: what,
    parse: (value) => {
      const parsed = URL.parse(value)
      return parsed && protocols.includes(parsed.protocol) ? parsed : undefined
    },
  }
}

export function list<Item>(item: Parser<Item>, takes: string): Parser<readonly Item[]> {
  return {
    takes,
    parse: (value) => {
      const texts = value.split(',').map((part) => part.trim())
      const items = texts.filter((part) => part !== '').map((part) => item.parse(part))
      return items.includes(undefined) ? undefined : (items as Item[])
    },
  }
}

/** `Host` header that is served: a name, and the port when it is not the usual one. */
export const hostHeader: Parser<string> = {
  takes: 'a host name with or without a port',
  parse: (value) => {
    const parsed = URL.parse(`http://${value}`)
    return parsed && parsed.pathname === '/' && !/[/@?#\s*]/.test(value) ? value.toLowerCase() : undefined
  },
}

export const origin: Parser<string> = {
  takes: 'an origin, as https://app.example.com',
  parse: (value) => {
    const parsed = URL.parse(value)
    return parsed && parsed.origin !== 'null' && value.toLowerCase() === parsed.origin
      ? parsed.origin
      : undefined
  },
}

function hasControlCharacter(value: string): boolean {
  return /\p{Cc}/u.test(value)
}
