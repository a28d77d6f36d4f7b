/** What an upstream is asked for: so many tokens, each `pace` milliseconds after the one before. */
export type Question = { readonly tokens: number; readonly pace: number }

/** One answer as whoever asked saw it. Times are those of {@link now}. */
export type Answer = {
  readonly asked: number
  /** When the first piece of text was there. */
  readonly shown: number
  readonly ended: number
  readonly text: string
}

/** A way to an answer: what is measured. */
export type Target = AsyncDisposable & {
  readonly name: string
  /** The process that does the work. */
  readonly pid: number
  /** Asks and reads the whole answer. */
  ask(question: Question): Promise<Answer>
}

/** Milliseconds on a clock that all processes of this machine share. */
export function now(): number {
  return Number(process.hrtime.bigint()) / 1e6
}

/** A token as the upstream writes it. The first one says when the request came and when the token went. */
export function tokenAt(number: number, arrived: number): string {
  return number === 1 ? `1@${arrived}@${now()} ` : `${number} `
}

/** When the upstream was asked and when it wrote its first token. Throws where a token is missing or doubled. */
export function upstreamTimes({ text }: Answer, { tokens }: Question): { arrived: number; written: number } {
  const [first = '', ...others] = text.trimEnd().split(' ')
  const [number, arrived, written] = first.split('@').map(Number)
  const wrong = [number, ...others.map(Number)].findIndex((token, index) => token !== index + 1)
  if (wrong >= 0) throw new Error(`Token ${wrong + 1} is missing or doubled: ${text.slice(0, 200)}`)
  if (others.length + 1 !== tokens) throw new Error(`${others.length + 1} tokens came instead of ${tokens}`)
  return { arrived: arrived!, written: written! }
}
