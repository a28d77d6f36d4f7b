import { memo, type ReactNode, useState } from 'react'
import type { ExtraProps } from 'streamdown'
import { CopyButton } from '../ui/copy-button.tsx'
import { IconButton } from '../ui/icon-button.tsx'
import type { Line } from './highlighter.ts'
import { useHighlighted } from './use-highlighted.ts'

type Element = NonNullable<ExtraProps['node']>
type Content = Element['children'][number]

/** A fenced block: its language, a button that copies, and code that scrolls inside itself. */
export function CodeBlock({ node }: ExtraProps) {
  const block = node?.children.find((child): child is Element => child.type === 'element')
  const code = block ? textOf(block).replace(/\n$/, '') : ''
  return <Code code={code} language={languageOf(block)} />
}

const Code = memo(function Code({ code, language }: { code: string; language: string }) {
  const [wrapped, setWrapped] = useState(false)
  const lines = useHighlighted(code, language)
  return (
    <figure dir="ltr" className="code-block my-4 overflow-hidden rounded-xl border border-line bg-code">
      <figcaption className="flex h-9 items-center justify-between ps-4 pe-1 text-muted pointer-coarse:h-11">
        <span className="font-mono text-xs">{language || 'text'}</span>
        <span className="flex">
          <IconButton
            icon="wrap"
            label={wrapped ? 'Do not wrap lines' : 'Wrap long lines'}
            aria-pressed={wrapped}
            onClick={() => setWrapped(!wrapped)}
          />
          <CopyButton text={() => code} label="Copy code" />
        </span>
      </figcaption>
      {/* Focusable, so that a keyboard can scroll it. */}
      {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
      <pre tabIndex={0} className={wrapped ? 'is-wrapped' : undefined}>
        <code>{lines ? <Lines lines={lines} /> : code}</code>
      </pre>
    </figure>
  )
})

function Lines({ lines }: { lines: readonly Line[] }): ReactNode {
  return lines.map((line, index) => (
    // Lines have no identity but their place.
    // oxlint-disable-next-line react/no-array-index-key
    <HighlightedLine key={index} line={line} />
  ))
}

/** Lines that are whole keep their tokens, so only the last one is drawn again while code streams in. */
const HighlightedLine = memo(function HighlightedLine({ line }: { line: Line }) {
  return (
    <span className="line">
      {line.map(({ text, style }, index) => (
        // oxlint-disable-next-line react/no-array-index-key
        <span key={index} style={{ color: style['color'] }}>
          {text}
        </span>
      ))}
      {'\n'}
    </span>
  )
})

function languageOf(block: Element | undefined): string {
  const names = block?.properties['className']
  if (!Array.isArray(names)) return ''
  const prefix = 'language-'
  return (
    names
      .map(String)
      .find((name) => name.startsWith(prefix))
      ?.slice(prefix.length) ?? ''
  )
}

function textOf(node: Content): string {
  if (node.type === 'text') return node.value
  return node.type === 'element' ? node.children.map(textOf).join('') : ''
}
