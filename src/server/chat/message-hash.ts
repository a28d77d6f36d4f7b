import { createHash } from 'node:crypto'
import type { Role, StoredPart } from '../db/tables.ts'
import type { Parameters } from '../llm/provider.ts'
import { canonicalJson } from './canonical-json.ts'

/** What a message's hash is made of; see schema/HASHING.md. */
export type Hashed = {
  readonly role: Role
  readonly parts: readonly StoredPart[]
  /** Hashes of its parents, in order. */
  readonly parents: readonly string[]
  /** The author's portable name; null for a model's. */
  readonly author: string | null
  /** `provider:name`; null for a person's. */
  readonly model: string | null
  readonly parameters: Parameters | null
}

/** The content address of a finished message, version 1: `sha256:` and 64 hex digits. */
export function messageHash({ role, parts, parents, author, model, parameters }: Hashed): string {
  const json = canonicalJson({
    role,
    parts: parts.map(({ kind, text }) => ({ kind, text })),
    parents,
    author,
    model,
    parameters: parameters && {
      temperature: parameters.temperature,
      topP: parameters.topP,
      maxOutputTokens: parameters.maxOutputTokens,
      stop: parameters.stop,
      effort: parameters.effort,
    },
  })
  return `sha256:${createHash('sha256').update(`parley-message-v1\n${json}`).digest('hex')}`
}
