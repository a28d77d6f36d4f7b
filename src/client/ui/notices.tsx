import { useEffect } from 'react'
import { createStore, useStore } from '../external-store.ts'

type Notice = { readonly text: string }

const notice = createStore<Notice | null>(null)
const shownFor = 6_000

/** Says in one line what went wrong with something that leaves no other trace on the page. */
export function notify(text: string): void {
  notice.set({ text })
}

export function Notices() {
  const current = useStore(notice)
  useEffect(() => {
    if (current === null) return
    const timer = setTimeout(() => notice.set(null), shownFor)
    return () => clearTimeout(timer)
  }, [current])
  return (
    <div
      role="status"
      className="pointer-events-none fixed inset-x-0 bottom-28 z-50 flex justify-center px-4"
    >
      {current && (
        <p className="pointer-events-auto animate-appear rounded-xl bg-ink px-4 py-2.5 text-canvas text-sm shadow-float">
          {current.text}
        </p>
      )}
    </div>
  )
}
