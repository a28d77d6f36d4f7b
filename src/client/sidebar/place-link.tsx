import type { ReactNode } from 'react'
import { navigate, pathOf } from '../router.ts'

type Props = { place: string; current: boolean; className: string; onPick(): void; children: ReactNode }

/** Leads to a conversation within the page; with a modifier key the browser opens it, in a tab of its own. */
export function PlaceLink({ place, current, className, onPick, children }: Props) {
  return (
    <a
      href={pathOf(place)}
      aria-current={current ? 'page' : undefined}
      onClick={(event) => {
        if (event.metaKey || event.ctrlKey || event.shiftKey) return
        event.preventDefault()
        navigate(place)
        onPick()
      }}
      className={className}
    >
      {children}
    </a>
  )
}
