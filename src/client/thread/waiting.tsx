import type { ReactNode } from 'react'

/** What is going on before there is text. Shown late, so that a quick answer does not flash it. */
export function Waiting({ children }: { children: ReactNode }) {
  return (
    <p className="flex h-7 animate-late items-center gap-2.5 text-muted">
      <span className="size-2 animate-breathe rounded-full bg-accent" aria-hidden="true" />
      <span className="text-[0.9375rem]">{children}</span>
    </p>
  )
}
