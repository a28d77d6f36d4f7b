import { useEffect, useState } from 'react'
import { copyText } from './clipboard.ts'
import { IconButton } from './icon-button.tsx'
import { notify } from './notices.tsx'

/** Copies what `text` returns, and says so for a moment. */
export function CopyButton({
  text,
  label,
  className,
}: {
  text: () => string
  label: string
  className?: string
}) {
  const [copied, setCopied] = useState(false)
  useEffect(() => {
    if (!copied) return
    const timer = setTimeout(() => setCopied(false), 1_600)
    return () => clearTimeout(timer)
  }, [copied])
  const copy = async (): Promise<void> => {
    if (await copyText(text())) setCopied(true)
    else notify('The browser did not allow copying')
  }
  return (
    <IconButton
      icon={copied ? 'check' : 'copy'}
      label={copied ? 'Copied' : label}
      onClick={() => void copy()}
      {...(className && { className })}
    />
  )
}
