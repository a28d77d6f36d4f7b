import type { Client } from '@urql/core'
import { createContext, use } from 'react'
import type { Connection } from './connection.ts'
import type { Conversations } from './conversation/conversations.ts'
import type { Drafts } from './outbox/drafts.ts'
import type { Outbox } from './outbox/outbox.ts'

/** What lives as long as the page does. */
export type Page = {
  readonly client: Client
  readonly connection: Connection
  readonly conversations: Conversations
  readonly drafts: Drafts
  readonly outbox: Outbox
}

export const PageContext = createContext<Page | null>(null)

export function usePage(): Page {
  const page = use(PageContext)
  if (page === null) throw new Error('Cannot use the page: no PageContext above')
  return page
}
