import type { ReactNode } from 'react'
import { navigate } from '../router.ts'

/** Shown late, so that a conversation that is there at once does not flash. */
export function LoadingThread() {
  return (
    <div
      role="status"
      aria-label="Loading the conversation"
      className="mx-auto w-full max-w-184 flex-1 animate-late px-4 pt-8"
    >
      <div className="ms-auto h-11 w-3/5 animate-breathe rounded-3xl bg-bubble" />
      {['w-11/12', 'w-full', 'w-4/5', 'w-2/3'].map((width) => (
        <div key={width} className={`mt-4 h-4 animate-breathe rounded-md bg-bubble ${width}`} />
      ))}
    </div>
  )
}

export function UnreachableServer() {
  return (
    <Message title="The server cannot be reached">
      This page keeps trying. What you write here is kept meanwhile.
    </Message>
  )
}

export function MissingConversation() {
  return (
    <Message title="This conversation does not exist">
      It may have been deleted.
      <button
        type="button"
        onClick={() => navigate(null)}
        className="mt-5 block h-10 rounded-xl bg-accent px-4 font-medium text-on-accent text-sm hover:brightness-110"
      >
        Start a new one
      </button>
    </Message>
  )
}

function Message({ title, children }: { title: string; children: ReactNode }) {
  return (
    <div className="mx-auto flex w-full max-w-184 flex-1 animate-late flex-col justify-center px-4 pb-24">
      <h2 className="font-semibold text-xl tracking-tight">{title}</h2>
      <div className="mt-1.5 text-muted text-sm leading-relaxed">{children}</div>
    </div>
  )
}
