import { useEffect } from 'react'
import { useQuery } from 'urql'
import { graphql } from '../graphql/index.ts'

const queuePlace = graphql(`
  query QueuePlace($id: ID!) {
    generation(id: $id) { id queuePosition }
  }
`)

/** Milliseconds between two questions; the first comes soon, but not for runs that hardly wait. */
const timers = { first: 400, next: 2_000 }

/** How many are ahead of a run that waits. No event tells of it, so it is asked for, while somebody looks. */
export function QueuePlace({ generationId }: { generationId: string }) {
  const [{ data }, ask] = useQuery({ query: queuePlace, variables: { id: generationId }, pause: true })
  useEffect(() => {
    const look = (): void => {
      if (document.visibilityState === 'visible') ask({ requestPolicy: 'network-only' })
    }
    const first = setTimeout(look, timers.first)
    const next = setInterval(look, timers.next)
    return () => {
      clearTimeout(first)
      clearInterval(next)
    }
  }, [ask])
  return placeText(data?.generation?.queuePosition ?? null)
}

function placeText(position: number | null): string {
  if (position === null) return 'Waiting in the queue'
  return position === 1 ? 'Next in the queue' : `Waiting in the queue, ${position - 1} ahead`
}
