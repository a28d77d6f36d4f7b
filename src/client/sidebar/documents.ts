import type { ConversationItemFragment } from '../graphql/graphql.ts'
import { graphql } from '../graphql/index.ts'

graphql(`
  fragment ConversationItem on Conversation {
    id
    title
    updatedAt
    archivedAt
    activeGenerations { id status }
  }
`)

export const listQuery = graphql(`
  query ConversationList($after: String) {
    viewer {
      id
      eventsCursor
      conversations(first: 40, after: $after) {
        nodes { ...ConversationItem }
        pageInfo { hasNextPage endCursor }
      }
    }
  }
`)

export const viewerEvents = graphql(`
  subscription ViewerEvents($after: Cursor) {
    viewerEvents(after: $after) {
      __typename
      cursor
      ... on ConversationChanged { conversation { ...ConversationItem } }
      ... on ConversationRemoved { conversationId }
      ... on ResyncRequired { reason }
    }
  }
`)

export const renameConversation = graphql(`
  mutation RenameConversation($input: UpdateConversationInput!) {
    updateConversation(input: $input) {
      conversation { id title }
      userErrors { code message }
    }
  }
`)

export const deleteConversation = graphql(`
  mutation DeleteConversation($input: DeleteConversationInput!) {
    deleteConversation(input: $input) {
      deletedConversationId
      userErrors { code message }
    }
  }
`)

export type ConversationItem = ConversationItemFragment
