import type { RecoveryPolicy as RecoveryPolicyName } from '../db/tables.ts'
import type { UserErrorCode as UserErrorCodeName } from '../errors.ts'
import type { FailureCode, FinishReason as FinishReasonName } from '../llm/provider.ts'
import { builder } from './builder.ts'

/** An enum whose values are documented one by one: `of` makes sure that none is forgotten. */
function documented<Name extends string>(name: string, description: string, of: Record<Name, string>) {
  const values = Object.fromEntries(
    Object.entries<string>(of).map(([value, text]) => [value, { description: text }]),
  )
  return builder.enumType(name, { description, values: values as Record<Name, { description: string }> })
}

export const UserErrorCode = documented<UserErrorCodeName>(
  'UserErrorCode',
  'Why a mutation did nothing. More codes may come: treat one that you do not know as a failure.',
  {
    INVALID: 'A value can’t be taken; `path` names it and `message` says what is.',
    NOT_FOUND: 'The id at `path` names nothing that the viewer may see.',
    FORBIDDEN: 'The viewer may see this but not change it.',
    CONFLICT: 'Something else is under way or came first; read again, then decide.',
    QUOTA_EXCEEDED: 'A limit of how much may be under way or be used is reached.',
    RATE_LIMITED: 'Too many calls; try later.',
    MODEL_UNAVAILABLE: 'The model is known but can’t be used now.',
    CONTEXT_TOO_LONG: 'The conversation is longer than the model takes.',
    ALREADY_FINISHED: 'The generation had come to its end before.',
    IDEMPOTENCY_MISMATCH: 'This `clientMutationId` was used with another input.',
  },
)

export const UserRole = documented('UserRole', 'What an account may do on this server.', {
  ADMIN: 'Everything, for everybody.',
  MEMBER: 'Everything, for themselves.',
  GUEST: 'Only what was shared with them.',
})

export const MessageRole = documented('MessageRole', 'Who speaks in a message.', {
  SYSTEM: 'Instructions for the model.',
  USER: 'A person.',
  ASSISTANT: 'A model.',
  TOOL: 'The result of a tool that a model called.',
})

export const MessageStatus = documented('MessageStatus', 'How far a message has come.', {
  PENDING: 'Its generation has not begun.',
  STREAMING: 'It is being written; its text so far can be read.',
  COMPLETED: 'It is whole.',
  CANCELED: 'Somebody stopped it; the text until then is kept.',
  FAILED: 'Nothing came of it.',
  INTERRUPTED: 'Its end is missing; the text until then is kept.',
})

export const GenerationStatus = documented('GenerationStatus', 'How far a run of a model has come.', {
  QUEUED: 'It waits to be run.',
  RUNNING: 'A process of the server runs it.',
  COMPLETED: 'The model came to an end by itself; `finishReason` says which.',
  CANCELED: 'Somebody stopped it; the text until then is kept.',
  FAILED: 'Nothing came of it; `failure` says why.',
  INTERRUPTED:
    'Its end is missing, the text until then is kept; `failure` says why where the provider did it.',
})

export const FinishReason = documented<FinishReasonName>('FinishReason', 'Why a model’s text ended.', {
  STOP: 'The model had said everything, or came to a stop text.',
  LENGTH: 'The limit of output tokens was reached.',
  TOOL_CALLS: 'The model waits for the result of a tool.',
  CONTENT_FILTER: 'The provider’s filter cut it off.',
  REFUSAL: 'The model declined to answer.',
  CONTEXT_OVERFLOW: 'The model’s context window was full.',
  PAUSE: 'The provider paused a long turn.',
  UNKNOWN: 'A reason that this version does not know.',
  CANCELED: 'Somebody stopped it.',
  INTERRUPTED: 'The end is missing.',
  ERROR: 'It failed.',
})

export const GenerationFailureCode = documented<FailureCode>(
  'GenerationFailureCode',
  'What went wrong with a run. More codes may come: go by `retryable`.',
  {
    PROVIDER_AUTH: 'The provider does not accept the server’s key.',
    PROVIDER_RATE_LIMITED: 'The provider takes no more requests for now.',
    PROVIDER_OVERLOADED: 'The provider is overloaded.',
    PROVIDER_UNREACHABLE: 'No connection to the provider, or it broke.',
    PROVIDER_TIMEOUT: 'The provider did not answer in time.',
    PROVIDER_STALLED: 'The provider stopped sending.',
    PROVIDER_BAD_RESPONSE: 'The provider’s answer could not be understood or had no end.',
    MODEL_UNAVAILABLE: 'The provider does not have this model, or not for this key.',
    CONTEXT_TOO_LONG: 'The conversation is longer than the model takes.',
    CONTENT_FILTERED: 'The provider’s filter refused the question.',
    QUOTA_EXCEEDED: 'The account at the provider has no budget left.',
    INTERNAL: 'A fault of this server; its log says more.',
  },
)

export const ModelCapability = documented('ModelCapability', 'What a model can do beyond text.', {
  VISION: 'It reads images.',
  TOOLS: 'It calls tools.',
  REASONING: 'It thinks before it answers.',
  JSON_MODE: 'It can be held to JSON.',
})

export const ModelLifecycle = documented('ModelLifecycle', 'How long a provider still offers a model.', {
  ACTIVE: 'No end is announced.',
  DEPRECATED: 'Its end is announced: choose another one for what is to last.',
  RETIRED: 'It cannot be used any more.',
})

export const ReasoningEffort = documented('ReasoningEffort', 'How much a model thinks before it answers.', {
  LOW: 'As little as it can.',
  MEDIUM: 'Some.',
  HIGH: 'Much.',
  MAX: 'As much as it can.',
})

export const RecoveryPolicy = documented<RecoveryPolicyName>(
  'RecoveryPolicy',
  'What becomes of an answer that was cut off because its process of the server died.',
  {
    ASK: 'It is kept as INTERRUPTED; `continueGeneration` goes on with it.',
    AUTO: 'It is kept as INTERRUPTED and goes on by itself in a turn of its own, a bounded number of times.',
  },
)

export const PartKind = documented('PartKind', 'What the text of a part is.', {
  TEXT: 'The answer.',
  REASONING: 'The model’s thinking, as far as its provider shows it.',
  TOOL_ARGUMENTS: 'JSON for a tool, complete only at the part’s end.',
})

export const ResyncReason = documented('ResyncReason', 'Why a stream could not go on where the reader was.', {
  CURSOR_EXPIRED: 'The events after the cursor are no longer kept.',
  CURSOR_UNKNOWN: 'The cursor is of a database that this one is not.',
  SLOW_CONSUMER: 'The reader was too slow.',
  SERVER_RESTARTED: 'The server has lost its place.',
})

export const RemovalReason = documented('RemovalReason', 'Why a conversation can’t be seen any more.', {
  DELETED: 'Somebody deleted it.',
  ACCESS_REVOKED: 'The viewer’s access was taken away.',
})

export const ConversationOrderField = documented(
  'ConversationOrderField',
  'What conversations are ordered by.',
  {
    UPDATED_AT: 'When something was last said or changed.',
    CREATED_AT: 'When it was made.',
    TITLE: 'Its title, by the database’s collation.',
  },
)

export const OrderDirection = documented('OrderDirection', 'Which end of a list comes first.', {
  ASC: 'The smallest or oldest.',
  DESC: 'The largest or newest.',
})
