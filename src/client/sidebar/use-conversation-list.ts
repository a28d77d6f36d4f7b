import type { Client } from '@urql/core'
import { useEffect, useState } from 'react'
import { useQuery } from 'urql'
import { follow, isUnauthenticated } from '../client.ts'
import { usePage } from '../page.tsx'
import { type ConversationItem, listQuery, viewerEvents } from './documents.ts'

/** Milliseconds before the list that could not be read or followed is read again. */
const retryAfter = 3_000

export type ConversationList = {
  /** Null until the server has answered. */
  readonly conversations: readonly ConversationItem[] | null
  readonly failed: boolean
  /** Null when there are no more. */
  readonly loadMore: (() => void) | null
}

/** The viewer's conversations, newest first. The cache holds them and the viewer's events keep it current. */
export function useConversationList(): ConversationList {
  const { client } = usePage()
  const [after, setAfter] = useState<string | null>(null)
  const [failed, setFailed] = useState(false)
  const requestPolicy = after === null ? 'cache-only' : 'cache-first'
  const [{ data }] = useQuery({ query: listQuery, variables: { after }, requestPolicy })
  useEffect(() => followList(client, setFailed), [client])
  const viewer = data?.viewer ?? null
  const next = viewer?.conversations.pageInfo
  return {
    conversations: viewer && sortByUpdate(viewer.conversations.nodes),
    failed: failed && !viewer,
    loadMore: next?.hasNextPage ? () => setAfter(next.endCursor) : null,
  }
}

/** Reads the list and follows the events after it, from the beginning whenever that ends, until it is called off. */
function followList(client: Client, setFailed: (failed: boolean) => void): () => void {
  let stop = (): void => {}
  let timer: ReturnType<typeof setTimeout> | undefined
  let stopped = false
  const again = (): void => {
    stop()
    timer = setTimeout(() => void read(), retryAfter)
  }
  const read = async (): Promise<void> => {
    const { data, error } = await client
      .query(listQuery, { after: null }, { requestPolicy: 'network-only' })
      .toPromise()
    if (stopped || (error && isUnauthenticated(error))) return
    setFailed(!data?.viewer)
    if (!data?.viewer) return again()
    stop = follow(
      client,
      viewerEvents,
      { after: data.viewer.eventsCursor },
      {
        onEvent: ({ viewerEvents: event }) => event.__typename === 'ResyncRequired' && again(),
        onEnd: (failure) => isUnauthenticated(failure) || again(),
      },
    )
  }
  void read()
  return () => {
    stopped = true
    stop()
    clearTimeout(timer)
  }
}

function sortByUpdate(conversations: readonly ConversationItem[]): ConversationItem[] {
  return conversations
    .filter(({ archivedAt }) => archivedAt === null)
    .sort((a, b) => Date.parse(b.updatedAt) - Date.parse(a.updatedAt))
}
