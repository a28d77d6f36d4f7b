import { useEffect } from 'react'
import { createStore, useStore } from '../external-store.ts'

/** Something to do about it, for as long as it is shown. */
type NoticeAction = { readonly label: string; run(): void }
type Notice = { readonly text: string; readonly action: NoticeAction | null }

const notice = createStore<Notice | null>(null)
/** Milliseconds; longer where there is something to decide. */
const shownFor = { news: 6_000, action: 10_000 }

/** Says in one line what happened to something that leaves no other trace on the page. */
export function notify(text: string, action: NoticeAction | null = null): void {
  notice.set({ text, action })
}

export function Notices() {
  const current = useStore(notice)
  useEffect(() => {
    if (current === null) return
    const timer = setTimeout(() => notice.set(null), current.action ? shownFor.action : shownFor.news)
    return () => clearTimeout(timer)
  }, [current])
  return (
    <div role="status" className="pointer-events-none fixed inset-x-0 top-14 z-50 flex justify-center px-4">
      {current && (
        <div className="pointer-events-auto flex animate-appear items-center gap-3 rounded-xl bg-ink px-4 py-2.5 text-canvas text-sm shadow-float">
          <p>{current.text}</p>
          {current.action && <ActionButton {...current.action} />}
        </div>
      )}
    </div>
  )
}

function ActionButton({ label, run }: NoticeAction) {
  const act = (): void => {
    notice.set(null)
    run()
  }
  return (
    <button
      type="button"
      onClick={act}
      className="-my-1 -me-2 h-8 rounded-lg px-2.5 font-semibold underline-offset-2 hover:underline pointer-coarse:h-11"
    >
      {label}
    </button>
  )
}
