import type { ReactNode } from 'react'
import { Icon } from '../ui/icons.tsx'

type Props = {
  tone: 'danger' | 'warning' | 'plain'
  title: string
  detail?: string | undefined
  /** Buttons. */
  children?: ReactNode
}

const tones = {
  danger: 'border-danger/30 bg-danger-soft text-danger',
  warning: 'border-warning/30 bg-warning-soft text-warning',
}

/** How an answer ended, when it did not end well: below the text that is kept. */
export function Callout({ tone, title, detail, children }: Props) {
  if (tone === 'plain') {
    return (
      <div className="mt-3 flex flex-wrap items-center gap-x-3 gap-y-1 text-muted text-sm">
        <p>{title}</p>
        {children}
      </div>
    )
  }
  return (
    <div
      role={tone === 'danger' ? 'alert' : undefined}
      className={`mt-3 flex flex-wrap items-center gap-x-4 gap-y-2 rounded-xl border px-3.5 py-2.5 text-sm ${tones[tone]}`}
    >
      <Icon name="warning" className="-me-1.5 size-4.5" />
      <div className="min-w-0 flex-1 basis-48">
        <span className="font-medium">{title}</span>
        {detail && <span className="block break-words text-ink">{detail}</span>}
      </div>
      {children && <div className="flex gap-2">{children}</div>}
    </div>
  )
}

export function CalloutButton({ onClick, children }: { onClick(): void; children: ReactNode }) {
  return (
    <button
      type="button"
      onClick={onClick}
      className="h-8 rounded-lg border border-current/30 px-3 font-medium text-sm transition-colors hover:bg-current/10 pointer-coarse:h-11"
    >
      {children}
    </button>
  )
}
