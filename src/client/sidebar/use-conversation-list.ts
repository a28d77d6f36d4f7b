import { useCallback, useEffect, useState } from 'react'
import { useQuery } from 'urql'
import { follow, isUnauthenticated } from '../client.ts'
import { usePage } from '../page.tsx'
import { type ConversationItem, listQuery, viewerEvents } from './documents.ts'

const retryAfter = 3_000

export type ConversationList = {
  /** Null until the server has answered. */
  readonly conversations: readonly ConversationItem[] | null
  readonly failed: boolean
  /** Null when there are no more. */
  readonly loadMore: (() => void) | null
}

/** The viewer's conversations, newest first, kept current by the viewer's events; the cache does the rest. */
export function useConversationList(): ConversationList {
  const [after, setAfter] = useState<string | null>(null)
  const [{ data, error }, read] = useQuery({ query: listQuery, variables: { after } })
  const [cursor, setCursor] = useState<string | null>(null)
  const readAgain = useCallback(() => {
    setCursor(null)
    setAfter(null)
    read({ requestPolicy: 'network-only' })
  }, [read])
  const viewer = data?.viewer ?? null
  if (cursor === null && viewer) setCursor(viewer.eventsCursor)
  useViewerEvents(cursor, readAgain)
  useEffect(() => {
    if (!error || isUnauthenticated(error)) return
    const timer = setTimeout(readAgain, retryAfter)
    return () => clearTimeout(timer)
  }, [error, readAgain])
  const next = viewer?.conversations.pageInfo
  return {
    conversations: viewer && sortByUpdate(viewer.conversations.nodes),
    failed: error !== undefined && !viewer,
    loadMore: next?.hasNextPage ? () => setAfter(next.endCursor) : null,
  }
}

function useViewerEvents(cursor: string | null, readAgain: () => void): void {
  const { client } = usePage()
  useEffect(() => {
    if (cursor === null) return
    let timer: ReturnType<typeof setTimeout> | undefined
    const stop = follow(
      client,
      viewerEvents,
      { after: cursor },
      {
        onEvent: ({ viewerEvents: event }) => event.__typename === 'ResyncRequired' && readAgain(),
        onEnd: (error) => {
          if (!isUnauthenticated(error)) timer = setTimeout(readAgain, retryAfter)
        },
      },
    )
    return () => {
      stop()
      clearTimeout(timer)
    }
  }, [client, cursor, readAgain])
}

function sortByUpdate(conversations: readonly ConversationItem[]): ConversationItem[] {
  return conversations
    .filter(({ archivedAt }) => archivedAt === null)
    .sort((a, b) => Date.parse(b.updatedAt) - Date.parse(a.updatedAt))
}
