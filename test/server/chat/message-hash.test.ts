import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { type Hashed, messageHash } from '../../../src/server/chat/message-hash.ts'
import { ending, read } from '../../support/chat.ts'
import { databases } from '../../support/databases.ts'
import { readDocument } from '../../support/document.ts'
import { shareServer } from '../../support/shared-server.ts'

type Vector = { readonly message: Hashed; readonly hash: string }
type HashFunction = (message: Hashed) => string

const document = readDocument('schema/HASHING.md')
const vectors = document.section('Test vectors').code('json').map(parseVector)
const names = [...document.section('Test vectors').text.matchAll(/^### (.*)$/gm)].map((title) => title[1])

describe('a message’s hash, version 1', () => {
  test('has the vectors that people were promised', () => {
    expect(names).toHaveLength(vectors.length)
    expect(vectors.length).toBeGreaterThanOrEqual(7)
  })

  test.each(vectors.map((vector, at) => [names[at], vector] as const))('%s', async (_name, vector) => {
    expect(mismatch(vector, messageHash)).toBeNull()
    expect(mismatch(vector, byHand)).toBeNull()
    expect(mismatch(vector, await fromDocument())).toBeNull()
  })

  test('covers exactly the bytes that the document shows', () => {
    const [bytes = ''] = document.section('Test vectors').code('text')
    expect(sha256(bytes.replace(/\n$/, ''))).toBe(vectors[0]?.hash)
  })

  test('does not depend on the order of members, and knows nothing of others', () => {
    const [{ message, hash } = missing()] = vectors
    const { role, author, ...rest } = message
    const parts = message.parts.map(({ kind, text }) => ({ text, kind, seen: true }))
    const disguised = { status: 'CANCELED', role, id: 'x', ...rest, author, parts }
    expect(messageHash(disguised)).toBe(hash)
  })
})

describe.each(databases)('the hash that clients read, on $name,', ({ create }) => {
  const shared = shareServer(create)

  test('is that of the message and of the path before it', async () => {
    const { app } = shared
    const generate = { maxOutputTokens: 512, stop: ['\n\nQ:'] }
    const asked = await app.ask(await app.createConversation(), 'Warum? 日本語 👩‍👩‍👧‍👦', { generate })
    const run = await shared.run('Warum? 日本語 👩‍👩‍👧‍👦')
    await run.reasoning('Let me think')
    await run.text('Because 😀')
    await run.finish()
    await ending(app, asked.generationId)
    const question = await app.message(asked.questionId)
    const answer = await read<Answer>(app, 'Message', asked.answerId, answerFields)
    const nobody = { author: null, model: null, parameters: null, parents: [] }
    const said = [{ kind: 'TEXT', text: 'Warum? 日本語 👩‍👩‍👧‍👦' }] as const
    expect(question.hash).toBe(byHand({ ...nobody, role: 'USER', author: 'local', parts: said }))
    expect(answer.hash).toBe(
      byHand({
        ...nobody,
        role: 'ASSISTANT',
        model: `${answer.model.provider.name}:${answer.model.name}`,
        parameters: { ...defaults, ...generate },
        parents: [question.hash!],
        parts: [
          { kind: 'REASONING', text: 'Let me think' },
          { kind: 'TEXT', text: 'Because 😀' },
        ],
      }),
    )
  })
})

type Answer = { readonly hash: string; readonly model: { name: string; provider: { name: string } } }

const answerFields = 'hash model { name provider { name } }'

describe('the gate for changed hashes', () => {
  test.each(vectors.flatMap((vector) => alterationsOf(vector)))('notices another %s', (_what, altered) => {
    expect(mismatch(altered, messageHash)).toMatch(/^is sha256:[0-9a-f]{64}, not sha256:/)
    expect(mismatch(altered, byHand)).not.toBeNull()
  })

  test('notices a function that leaves something out', () => {
    const careless: HashFunction = (message) => messageHash({ ...message, parents: [] })
    expect(vectors.some((vector) => mismatch(vector, careless))).toBe(true)
  })
})

/** Why a function does not give a vector its hash; null when it does. */
function mismatch({ message, hash }: Vector, hashOf: HashFunction): string | null {
  const computed = hashOf(message)
  return computed === hash ? null : `is ${computed}, not ${hash}`
}

/** The same once more, from what the document says alone: no code of the server's. */
function byHand({ author, model, parameters, parents, parts, role }: Hashed): string {
  const j = JSON.stringify
  const named = (value: object, names: readonly string[]) =>
    names.map((name) => `"${name}":${j((value as Record<string, unknown>)[name])}`).join(',')
  const set =
    parameters && `{${named(parameters, ['effort', 'maxOutputTokens', 'stop', 'temperature', 'topP'])}}`
  const said = parts.map((part) => `{${named(part, ['kind', 'text'])}}`).join(',')
  const after = parents.map((parent) => j(parent)).join(',')
  return sha256(
    `parley-message-v1\n{"author":${j(author)},"model":${j(model)},"parameters":${set},"parents":[${after}],"parts":[${said}],"role":${j(role)}}`,
  )
}

/** The function that the document gives people to copy. */
async function fromDocument(): Promise<HashFunction> {
  const [source = ''] = document.section('In code').code('js')
  const module = (await import(`data:text/javascript,${encodeURIComponent(source)}`)) as {
    messageHash: HashFunction
  }
  return module.messageHash
}

/** Every way to change one thing of a vector. */
function alterationsOf({ message, hash }: Vector): [string, Vector][] {
  const { author, model, parameters, parents, parts, role } = message
  const [first, ...others] = parts
  const changed: Record<string, Partial<Hashed>> = {
    role: { role: role === 'USER' ? 'ASSISTANT' : 'USER' },
    author: { author: author === null ? 'local' : null },
    model: { model: model === null ? 'demo:demo' : `${model}-x` },
    parents: { parents: parents.length > 1 ? parents.toReversed() : [...parents, hash] },
    parts: { parts: [...parts, { kind: 'TEXT', text: '' }] },
    parameters: { parameters: parameters ? { ...parameters, maxOutputTokens: 7 } : defaults },
    ...(first && { text: { parts: [{ ...first, text: `${first.text} ` }, ...others] } }),
    ...(first && { kind: { parts: [{ ...first, kind: otherKind(first.kind) }, ...others] } }),
  }
  return [
    ...Object.entries(changed).map(([what, change]): [string, Vector] => [
      what,
      { message: { ...message, ...change }, hash },
    ]),
    ['hash', { message, hash: hash.replace(/.$/, (digit) => (digit === '0' ? '1' : '0')) }],
  ]
}

const defaults = { temperature: null, topP: null, maxOutputTokens: null, stop: null, effort: null }

function otherKind(kind: 'TEXT' | 'REASONING'): 'TEXT' | 'REASONING' {
  return kind === 'TEXT' ? 'REASONING' : 'TEXT'
}

function parseVector(block: string): Vector {
  return JSON.parse(block) as Vector
}

function sha256(text: string): string {
  return `sha256:${createHash('sha256').update(text).digest('hex')}`
}

function missing(): never {
  throw new Error('schema/HASHING.md has no vectors')
}
