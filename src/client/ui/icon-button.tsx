import type { ComponentProps } from 'react'
import { Icon, type IconName } from './icons.tsx'

type Props = Omit<ComponentProps<'button'>, 'children' | 'title'> & {
  icon: IconName
  /** What it does: its name, and what a pointer that rests on it is told. */
  label: string
  iconClassName?: string
}

/** A button that shows an icon; at least 44 px where a finger has to hit it. */
export function IconButton({ icon, label, iconClassName, className = '', ...rest }: Props) {
  return (
    <button
      type="button"
      aria-label={label}
      title={label}
      className={`inline-flex size-8 items-center justify-center rounded-lg text-muted transition-colors hover:bg-hover hover:text-ink disabled:opacity-40 disabled:hover:bg-transparent pointer-coarse:size-11 ${className}`}
      {...rest}
    >
      <Icon name={icon} {...(iconClassName && { className: iconClassName })} />
    </button>
  )
}
