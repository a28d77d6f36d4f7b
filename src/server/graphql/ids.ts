import type { ConversationId, GenerationId, MessageId, ViewerId } from '../ids.ts'
import { fromGlobalId, isUuid } from '../ids.ts'

type Keys = { User: ViewerId; Conversation: ConversationId; Message: MessageId; Generation: GenerationId }

/** Names nothing, in any table. */
const nothing = '00000000-0000-0000-0000-000000000000'

/** The key in a global id of that type. Whatever else a client sends gives the key of nothing, which nobody finds. */
export function keyOf<Type extends keyof Keys>(type: Type, globalId: string): Keys[Type] {
  const id = fromGlobalId(globalId)
  return (id?.type === type && isUuid(id.key) ? id.key : nothing) as Keys[Type]
}

/** The same for an id that may be left out. */
export function optionalKeyOf<Type extends keyof Keys>(
  type: Type,
  globalId: string | null | undefined,
): Keys[Type] | null {
  return globalId == null ? null : keyOf(type, globalId)
}
