import type { Conversation } from '../chat/access.ts'
import type { Generation } from '../chat/generations.ts'
import type { Message } from '../chat/messages.ts'
import type { ViewerRow } from '../db/tables.ts'
import type { ModelInfo } from '../llm/provider.ts'
import { builder } from './builder.ts'

/** The types that name each other, before any of them is described. */
export const UserRef = builder.objectRef<ViewerRow>('User')
export const ConversationRef = builder.objectRef<Conversation>('Conversation')
export const MessageRef = builder.objectRef<Message>('Message')
export const GenerationRef = builder.objectRef<Generation>('Generation')
export const ModelRef = builder.objectRef<ModelInfo>('Model')
export const ProviderRef = builder.objectRef<{ readonly name: string }>('Provider')

export const ConversationConnection = builder.connectionObject(
  { type: ConversationRef, name: 'ConversationConnection', description: 'A page of conversations.' },
  { name: 'ConversationEdge', description: 'A conversation in a list.' },
)
export const MessageConnection = builder.connectionObject(
  { type: MessageRef, name: 'MessageConnection', description: 'A page of messages.' },
  { name: 'MessageEdge', description: 'A message in a list.' },
)
export const ModelConnection = builder.connectionObject(
  { type: ModelRef, name: 'ModelConnection', description: 'A page of models.' },
  { name: 'ModelEdge', description: 'A model in a list.' },
)
