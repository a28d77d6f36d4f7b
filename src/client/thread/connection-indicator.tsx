import { useEffect, useState } from 'react'
import { useStore } from '../external-store.ts'
import { usePage } from '../page.tsx'

const quietFor = 1_000
const goodNewsFor = 1_500

type Shown = 'nothing' | 'away' | 'back'

/** Says that the server is away, once that lasts, and for a moment that it is back. Nothing is blocked meanwhile. */
export function ConnectionIndicator() {
  const { connection } = usePage()
  const state = useStore(connection.state)
  const open = state === 'open' || state === 'idle'
  const [shown, setShown] = useState<Shown>('nothing')
  useEffect(() => {
    const timer = open
      ? setTimeout(() => setShown('nothing'), goodNewsFor)
      : setTimeout(() => setShown('away'), quietFor)
    if (open) setShown((before) => (before === 'away' ? 'back' : before))
    return () => clearTimeout(timer)
  }, [open])
  return (
    <p role="status" className="flex items-center gap-2 text-muted text-sm">
      {shown !== 'nothing' && (
        <>
          <span
            className={`size-2 rounded-full ${shown === 'away' ? 'animate-breathe bg-warning' : 'bg-accent'}`}
            aria-hidden="true"
          />
          <span className="animate-appear">{shown === 'away' ? awayText() : 'Connected again'}</span>
        </>
      )}
    </p>
  )
}

function awayText(): string {
  return navigator.onLine ? 'Reconnecting…' : 'You are offline'
}
